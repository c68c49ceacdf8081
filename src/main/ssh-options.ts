// Why: which ports of this machine lead to the SSH of servers, and from where those are reached.

import { integer, netnsName, plainAddress, portRange, text } from './config-options.ts';

export const sshOptions = {
  ssh_ports: text(
    '2200-2299',
    'TCP ports of this machine that servers may be given (os-xloud-ssh-port), each leading to the SSH of one; nobody listens on one that no server has. Empty: none.',
    { form: portRange },
  ),
  ssh_address: text('127.0.0.1', 'Address at which they are listened; anything but loopback must be asked for.', {
    form: plainAddress,
  }),
  ssh_ports_per_project: integer(10, 'of them', 'SSH ports that a project may have.', 0),
  ssh_netns: text(
    '',
    "The network namespace in which libvirt's networks are (engine basic), by its name in /run/netns; empty: that of this process. With ovn, each network is entered by itself.",
    { form: netnsName },
  ),
};
