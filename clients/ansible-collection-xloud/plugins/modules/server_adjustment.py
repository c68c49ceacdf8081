#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0

DOCUMENTATION = r'''
---
module: server_adjustment
short_description: Change the size of a server while it runs
author: xloud-compute
description:
  - Gives a server of xloud-compute vCPUs and memory between its flavor's minimum and maximum.
  - A server that has the size, or is on its way to it, is left alone.
options:
  server:
    description: Name or ID of the server.
    type: str
    required: true
    aliases: [name]
  vcpus:
    description: vCPUs that the server shall have. Left out, it keeps those that it has.
    type: int
  memory_mb:
    description:
      - Memory that the server shall have, in MiB. Left out, it keeps what it has.
      - Where memory comes in blocks, what lies between two becomes the larger one.
    type: int
  persist:
    description: V(false) lets the size last until the next power cycle.
    type: bool
    default: true
  may_migrate:
    description:
      - Whether the server may go to another host, as it runs, where its own has no room.
      - Left out, it is as the operator says.
    type: bool
requirements:
  - python-xloudclient
extends_documentation_fragment:
  - openstack.cloud.openstack
'''

EXAMPLES = r'''
- name: Three vCPUs and 2 GiB for the busy hours
  xloud.compute.server_adjustment:
    cloud: xloud
    server: web
    vcpus: 3
    memory_mb: 2048
    timeout: 600
'''

RETURN = r'''
adjustment:
  description: The server's sizes, what was asked for, its bounds and what is claimed for it.
  returned: success
  type: dict
  contains:
    server_id:
      description: The server's ID.
      type: str
    status:
      description: V(idle), V(adjusting) without O(wait), or V(pending_reboot) for a server that is off.
      type: str
    vcpus:
      description: C(current), C(target), C(minimum), C(maximum), C(claimed), C(guest_online).
      type: dict
    memory_mb:
      description: C(current), C(target), C(minimum), C(maximum), C(claimed), C(guest_available), C(method), C(block_mb); in MiB.
      type: dict
plan:
  description: Which ways there are to the size. In check mode, where it is not the one that the server has.
  returned: check mode
  type: dict
'''

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.openstack.cloud.plugins.module_utils.openstack import OpenStackModule

try:
    from xloudclient.sdk import attach
except ImportError:
    attach = None

_SHOWN = ('server_id', 'status', 'vcpus', 'memory_mb', 'persist', 'request_id', 'updated_at', 'message')
_PLANNED = ('result', 'target', 'growth', 'ways', 'largest')


def _members(resource, names):
    return {name: getattr(resource, name) for name in names}


def has(sizes, asked, is_over, block=1):
    """Whether there is nothing to ask for: it was asked for before, and is reached or on its way. Part of a block more is as asked for."""
    if asked is None:
        return True
    seen = sizes['current'] if is_over else sizes['target']
    return 0 <= seen - asked < block


class ServerAdjustmentModule(OpenStackModule):
    argument_spec = dict(
        server=dict(required=True, aliases=['name']),
        vcpus=dict(type='int'),
        memory_mb=dict(type='int'),
        persist=dict(type='bool', default=True),
        may_migrate=dict(type='bool'),
    )
    module_kwargs = dict(required_one_of=[('vcpus', 'memory_mb')], supports_check_mode=True)

    def run(self):
        if attach is None:
            self.fail_json(msg=missing_required_lib('python-xloudclient'))
        xloud = attach(self.conn).xloud
        size = {name: self.params[name] for name in ('vcpus', 'memory_mb', 'persist', 'may_migrate')}
        server = self.conn.compute.find_server(self.params['server'], ignore_missing=False)
        found = xloud.get_adjustment(server)
        changed = not self._is_as_asked(found)
        more = {}
        if changed and self.check_mode:
            more['plan'] = _members(xloud.plan_adjustment(server, **size), _PLANNED)
            if more['plan']['result'] == 'refused':
                reasons = (reason['message'] for way in more['plan']['ways'].values() for reason in way['reasons'])
                self.fail_json(msg=' '.join(dict.fromkeys(reasons)), **more)
        elif changed:
            found = xloud.adjust_server(server, **size)
        if self.params['wait'] and not self.check_mode:
            found = xloud.wait_for_adjustment(server, timeout=self.params['timeout'])
        self.exit_json(changed=changed, adjustment=_members(found, _SHOWN), **more)

    def _is_as_asked(self, found):
        is_over = found.status in ('idle', 'partial', 'error')
        return has(found.vcpus, self.params['vcpus'], is_over) and has(
            found.memory_mb, self.params['memory_mb'], is_over, found.memory_mb['block_mb']
        )


def main():
    ServerAdjustmentModule()()


if __name__ == '__main__':
    main()
