// Why: a server is ACTIVE as soon as its guest runs, long before cloud-init has made of it what was asked for. Nova cannot say whether it
// did; whoever waits for that, or wants to know what went wrong, asks here.

import { isoSeconds } from '../../base/clock.ts';
import { resource, route } from '../resource.ts';

export default resource({
  'GET /servers/:server_id/os-xloud-cloud-init': route<'server'>()({
    summary: 'Show what cloud-init came to in a server, as its guest tells it, with the end of its log.',
    policy: 'os_compute_api:xloud:cloud-init:show',
    target: 'server',
    status: 200,
    run: ({ op, services, target }) => services.ops.cloudInitStatus(op, target),
    view: ({ phonedHome, log, ...status }, { target }) => ({
      server_id: target.uuid,
      ...status,
      phoned_home: phonedHome === null ? null : { at: isoSeconds(phonedHome.atMs), told: phonedHome.told },
      log,
    }),
  }),
});
