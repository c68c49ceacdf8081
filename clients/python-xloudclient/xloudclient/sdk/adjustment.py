"""Sizes of servers, and autoscaling policies."""
from openstack import exceptions, resource, utils


def checked(response):
    """Returns the response, or raises a refusal as one of openstacksdk's exceptions, with the service's message."""
    exceptions.raise_from_response(response)
    return response


class Plan(resource.Resource):
    """The possible ways to another size; a plan changes nothing."""

    server_id = resource.Body('server_id', alternate_id=True)
    #: The best possible way, or why there is none.
    result = resource.Body('result')
    target = resource.Body('target', type=dict)
    memory = resource.Body('memory', type=dict)
    persist = resource.Body('persist', type=bool)
    #: What would be claimed in addition.
    growth = resource.Body('growth', type=dict)
    #: `live`, `live_after_migration` and `next_boot`, each with `possible` and `reasons`.
    ways = resource.Body('ways', type=dict)
    #: The largest size that fits on its host; None if it has no host.
    largest = resource.Body('largest', type=dict)


class Adjustment(resource.Resource):
    """A server's sizes: vCPUs, and memory in MiB."""

    resources_key = 'adjustments'
    base_path = '/os-xloud-adjust'
    allow_fetch = True
    allow_list = True
    _query_mapping = resource.QueryParameters(
        'sort_key', 'sort_dir', changes_since='changes-since', all_projects='all_tenants'
    )

    server_id = resource.Body('server_id', alternate_id=True)
    #: idle, adjusting, partial, error or pending_reboot.
    status = resource.Body('status')
    #: current, target, minimum, maximum, claimed, guest_online.
    vcpus = resource.Body('vcpus', type=dict)
    #: current, target, minimum, maximum, claimed, guest_available, method, block_mb.
    memory_mb = resource.Body('memory_mb', type=dict)
    persist = resource.Body('persist', type=bool)
    request_id = resource.Body('request_id')
    updated_at = resource.Body('updated_at')
    message = resource.Body('message')

    def _post(self, session, size, *more):
        return checked(session.post(utils.urljoin(self.base_path, self.id, *more), json=size))

    def adjust(self, session, size):
        """Requests a size (the body of the API's call) and takes over the service's answer."""
        self._translate_response(self._post(session, size))
        return self

    def plan(self, session, size):
        return Plan.existing(**self._post(session, size, 'plan').json())


class Policy(resource.Resource):
    """An autoscaling policy: by pressure, by schedule, or both."""

    resource_key = 'policy'
    resources_key = 'policies'
    base_path = '/os-xloud-adjust-policies'
    commit_method = 'PUT'
    allow_create = True
    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True
    _query_mapping = resource.QueryParameters('all_projects', 'offset')

    project_id = resource.Body('project_id')
    user_id = resource.Body('user_id')
    #: Exactly one of these three is set.
    server_id = resource.Body('server_id')
    server_group_id = resource.Body('server_group_id')
    flavor_id = resource.Body('flavor_id')
    is_enabled = resource.Body('enabled', type=bool)
    #: Decisions are recorded but not executed.
    is_dry_run = resource.Body('dry_run', type=bool)
    pressure = resource.Body('pressure', type=dict)
    schedules = resource.Body('schedules', type=list)
    next_scheduled_at = resource.Body('next_scheduled_at')
    created_at = resource.Body('created_at')
    updated_at = resource.Body('updated_at')


class Decision(resource.Resource):
    """A decision of a policy, with its reason."""

    resources_key = 'decisions'
    base_path = '/os-xloud-adjust-policies/%(policy_id)s/decisions'
    allow_list = True
    _query_mapping = resource.QueryParameters('offset')

    policy_id = resource.URI('policy_id')
    server_id = resource.Body('server_id')
    decided_at = resource.Body('decided_at')
    kind = resource.Body('kind')
    outcome = resource.Body('outcome')
    from_size = resource.Body('from', type=dict)
    to_size = resource.Body('to', type=dict)
    reason = resource.Body('reason')
    measures = resource.Body('measures', type=dict)
    request_id = resource.Body('request_id')
