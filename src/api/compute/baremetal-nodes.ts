// Why: until 2.35 machines of a bare metal service were listed here; there is none, and changing them was never possible here.

import { badRequest, notImplemented } from '../../base/errors.ts';
import { type Route, resource, route } from '../resource.ts';

const UNTIL = '2.35';

const noService = (): never => {
  throw notImplemented('Ironic client unavailable, cannot access Ironic.');
};

const elsewhere = (command: string, what: string, body: boolean): Route =>
  route()({
    summary: `${what}: not here, but in the bare metal service.`,
    policy: null,
    until: UNTIL,
    ...(body ? { body: {} } : {}),
    status: 200,
    run: () => {
      throw badRequest(`Command not supported. Please use Ironic command ${command} to perform this action.`);
    },
  });

export default resource({
  'GET /os-baremetal-nodes': route()({
    summary: 'List the machines of the bare metal service.',
    policy: 'os_compute_api:os-baremetal-nodes:list',
    until: UNTIL,
    query: {},
    status: 200,
    run: noService,
  }),
  'GET /os-baremetal-nodes/:id': route()({
    summary: 'Show a machine of the bare metal service.',
    policy: 'os_compute_api:os-baremetal-nodes:show',
    until: UNTIL,
    query: {},
    status: 200,
    run: noService,
  }),
  'POST /os-baremetal-nodes': elsewhere('node-create', 'Add a machine', true),
  'DELETE /os-baremetal-nodes/:id': elsewhere('node-delete', 'Remove a machine', false),
  'POST /os-baremetal-nodes/:id/action#add_interface': elsewhere('port-create', 'Add an interface', true),
  'POST /os-baremetal-nodes/:id/action#remove_interface': elsewhere('port-delete', 'Remove an interface', true),
});
