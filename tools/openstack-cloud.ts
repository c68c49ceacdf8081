// Why: a whole OpenStack to try things with, by hand: it stays until Ctrl-C, and nothing of it stays then.
//
//   node tools/openstack-cloud.ts

import { messageOf } from '../src/base/errors.ts';
import { type OpenstackCloud, OUTSIDE, startOpenstackCloud } from '../test/support/openstack-cloud.ts';
import { stockCloud } from '../test/support/openstack-stock.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const began = performance.now();
const seconds = (): number => Math.round((performance.now() - began) / 1000);

const starting: Promise<OpenstackCloud> = startOpenstackCloud({ say: (what) => say(`${seconds()} s: ${what}`) });
let ending: Promise<void> | null = null;

async function end(): Promise<void> {
  say('ending');
  await (await starting.catch(() => null))?.close().catch((error: unknown) => say(messageOf(error)));
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    ending ??= end().then(() => process.exit(0));
  });

function introduce({ cloudsYaml, keystone, glance, neutron, cluster, directory, outside }: OpenstackCloud): void {
  say(`
an OpenStack is up after ${seconds()} s
  export OS_CLIENT_CONFIG_FILE=${cloudsYaml} OS_CLOUD=demo
  openstack network create lan
  openstack subnet create lan --network lan --subnet-range 10.0.0.0/24
  openstack router create way
  openstack router set way --external-gateway public
  openstack router add subnet way lan
  ssh-keygen -q -t ed25519 -N '' -f own && openstack keypair create own --public-key own.pub
  openstack security group rule create default --protocol icmp
  openstack security group rule create default --protocol tcp --dst-port 22
  openstack server create one --image guest --flavor elastic --network lan --key-name own --wait
  openstack server add floating ip one $(openstack floating ip create public -f value -c floating_ip_address)

OS_CLOUD    xloud (administrator), demo and other (tenants)
Keystone    ${keystone.authUrl}
Glance      ${glance.endpoint}
Neutron     ${neutron.endpoint}
compute     ${cluster.apis[0]?.url}/compute/v2.1; its dashboard ${cluster.apis[0]?.url}/dashboard
outside     ${outside.join(' ')} ssh -i own root@198.51.100.…  (from ${OUTSIDE}, the gateway of network public)
logs        ${directory}/*.log
Ctrl-C ends all and removes everything.`);
}

try {
  const cloud = await starting;
  say(`${seconds()} s: an image, flavors and a network that leads outside`);
  await stockCloud(cloud);
  introduce(cloud);
} catch (error) {
  process.stderr.write(`openstack-cloud: ${messageOf(error)}\n`);
  await (ending ??= end());
  process.exit(1);
}
