// Why: what carries networks, and what the built-in network service may hand out.

import { limits } from '../base/limits.ts';
import { PRIVATE_RANGES } from '../standalone/network/subnet-ranges.ts';
import {
  choice,
  httpUrl,
  integer,
  list,
  listenAddress,
  netnsName,
  ovsdbRemote,
  plainAddress,
  plainRange,
  text,
} from './config-options.ts';

export const network = {
  service: choice(
    'built-in',
    ['built-in', 'neutron'],
    "Who has the networks: the built-in network service, or neutron, an operator's own, whose ports are plugged into Open vSwitch or Linux bridges; where Keystone is his own too (identity.auth_url). All processes of an installation have the same.",
  ),
  endpoint: text(
    '',
    "An operator's Neutron, without a version, as http://neutron:9696; empty: as the catalog says. Who we are there: section identity.",
    { form: httpUrl },
  ),
  ovs_bridge: text(
    'br-int',
    "The bridge of Open vSwitch that an operator's Neutron plugs ports into, where it does not say so itself.",
  ),
  vif_plugging_timeout_seconds: integer(
    300,
    'seconds',
    "How long an operator's Neutron may take until the ports of a new server work; one whose ports do not is in ERROR. 0: it is not waited for.",
    0,
    3600,
  ),
  metadata_proxy_listen: text(
    '127.0.0.1:8775',
    "Address and port on which an API answers an operator's metadata agents (Neutron's; nova_metadata_host and nova_metadata_port there), where metadata_proxy_shared_secret is set.",
    { form: listenAddress },
  ),
  metadata_proxy_shared_secret: text(
    '',
    "The secret that is metadata_proxy_shared_secret of an operator's metadata agents too; empty: they are not answered, and every server has a config drive.",
    { secret: true },
  ),
  engine: choice(
    'basic',
    ['basic', 'ovn'],
    "What carries the networks of the built-in service: basic, libvirt's own networks behind NAT, without security groups; ovn, Open Virtual Network. All processes of an installation have the same.",
  ),
  ovn_nb: list(
    ['unix:/run/ovn/ovnnb_db.sock'],
    'Where the Northbound database of OVN is asked: unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT; several are tried in turn.',
    { form: ovsdbRemote },
  ),
  ovn_ca: text('', 'File with the authority of the certificate of an ovn_nb over TLS (PEM).'),
  ovn_certificate: text('', 'File with the certificate that we show there (PEM).'),
  ovn_key: text('', 'File with its key (PEM).'),
  ovn_wire: text(
    'external',
    'The name in ovn-bridge-mappings of the wire to which external networks lead; empty: they lead to none.',
  ),
  ovn_gateways: list<string>(
    [],
    'System ids of the chassis on which routers have their way out, the first that lives before the others; empty: all whose hosts say that they lead to the wire, in another order for each router.',
  ),
  ovn_tunnel_mtu: integer(
    0,
    'bytes',
    'With several hosts: the greatest MTU of networks between them, and what those have that name none: that of the wire between the hosts less 58 (Geneve over IPv4), so 1442. 0: there is one host.',
    0,
    65_535,
  ),
  ovn_offloads: choice(
    'yes',
    ['no', 'yes'],
    'Whether guests may leave checksums to the switch; no where Open vSwitch runs in user space (netdev) without userspace-tso-enable, where TCP would not work else.',
  ),
  metadata: choice(
    'yes',
    ['no', 'yes'],
    'Whether guests have a metadata service at 169.254.169.254; with ovn alone. It makes what it needs on its host as root. Where processes are apart (bus.url) all of them need metadata_key_file, and without it there is none.',
  ),
  metadata_key_file: text(
    '',
    "Where processes are apart: of APIs and workers the file with the secret of metadata, of an agent that with its host's key; `xloud metadata keys` makes both.",
  ),
  metadata_url: text(
    '',
    'Of an agent: where APIs are asked what guests are told (https://cloud.example.org/metadata).',
    { form: httpUrl },
  ),
  ovn_sb: list(
    [],
    "Of an agent: where the Southbound database is asked, for metadata; empty: where the host's switch says (ovn-remote). By TLS with ovn_ca, ovn_certificate and ovn_key, which are the host's own there.",
    { form: ovsdbRemote },
  ),
  ovs_db: text(
    'unix:/run/openvswitch/db.sock',
    'Where the database of the Open vSwitch of this host is asked, for metadata: unix:PATH or tcp:HOST:PORT.',
    { form: ovsdbRemote },
  ),
  ovs_netns: text(
    '',
    'The network namespace in which Open vSwitch runs, and libvirtd with the interfaces of guests, by its name in /run/netns; empty: that of this process.',
    { form: netnsName },
  ),
  default_cidr: text(
    '10.123.0.0/20',
    'Subnet of the shared network that the built-in network service makes at first start.',
  ),
  dns_servers: list([], 'DNS servers that the built-in network hands out; empty: the gateway.', {
    form: plainAddress,
  }),
  tenant_ranges: list(
    PRIVATE_RANGES,
    "Ranges of which projects make subnets of the built-in network service; keep this machine's own networks out. Administrators are not bound.",
    { form: plainRange },
  ),
  tenant_addresses: integer(
    limits.tenantAddresses,
    'addresses',
    "IPv4 addresses that one project's subnets have in all; -1: no limit.",
    -1,
  ),
};
