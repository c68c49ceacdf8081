// Why: how servers move between hosts takes many words of the operator's, all of one matter and under Nova's names where Nova has them.

import { choice, integer, plainAddress, text } from './config-options.ts';

/** Options of `compute`. */
export const moveOptions = {
  live_migration_inbound_addr: text(
    '',
    'Address at which this host takes guests of others; empty: 127.0.0.1, so none come.',
    { form: plainAddress },
  ),
  disk_transfer_addr: text(
    '',
    'Address at which others read the disks of guests that move to them, where that is another network; empty: live_migration_inbound_addr.',
    { form: plainAddress },
  ),
  disk_transfer_port: integer(
    0,
    'port',
    'Where disks of guests that move are read, by TLS with a key for each time, while they are; 0: any that is free.',
    0,
    65_535,
  ),
  live_migration_scheme: choice(
    'tls',
    ['tls', 'tcp'],
    'How the libvirtd of another host asks that of this one for a live migration: tls needs the certificates that libvirt describes; tcp asks for none and is for networks that nobody else is on.',
  ),
  live_migration_with_native_tls: choice(
    'no',
    ['yes', 'no'],
    "Whether memory and disks of a live migration go through TLS, by QEMU's own certificates on both hosts.",
  ),
  live_migration_permit_post_copy: choice(
    'no',
    ['yes', 'no'],
    'Whether a live migration that is forced to its end may let the guest go on before all its memory is there; no: the guest stands still until it is.',
  ),
  live_migration_permit_auto_converge: choice(
    'no',
    ['yes', 'no'],
    'Whether a guest is slowed down that writes its memory faster than it can be sent.',
  ),
  live_migration_bandwidth: integer(0, 'MiB a second', 'What a live migration may send; 0: as much as goes.'),
  live_migration_parallel_connections: integer(
    1,
    'connections',
    'Through how many connections the memory of a live migration goes; more than one exclude post-copy.',
    1,
    255,
  ),
  live_migration_downtime: integer(
    500,
    'ms',
    'How long a guest may stand still at the end of its live migration.',
    100,
    2_000_000,
  ),
  live_migration_completion_timeout: integer(
    800,
    'seconds',
    'How long a live migration may take for each GiB of memory and disks (two at least); 0: an hour, whatever it moves.',
  ),
  live_migration_timeout_action: choice(
    'abort',
    ['abort', 'force_complete'],
    'What becomes of a live migration that takes longer: it is given up, or forced to its end.',
  ),
};
