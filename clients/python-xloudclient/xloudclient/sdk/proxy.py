"""`conn.xloud`: the calls that xloud-compute adds, over the connection's own compute service."""
from openstack import exceptions

from xloudclient.sdk.adjustment import Adjustment, Decision, Policy, checked
from xloudclient.sdk.copies import Backup, BackupSchedule, Snapshot
from xloudclient.sdk.waiting import until

#: The first microversion at which the events of an action say why they failed.
_DETAILS = '2.84'


def _given(**members):
    """The members that are not None; the service has defaults for the others."""
    return {name: value for name, value in members.items() if value is not None}


def _id(given):
    return getattr(given, 'id', given)


def _size(vcpus, memory_mb, persist, may_migrate):
    return _given(current_vcpus=vcpus, current_memory_mb=memory_mb, persist=persist, may_migrate=may_migrate)


class Proxy:
    """Endpoint, credentials, retries and timeouts are those of `conn.compute`.

    A server, policy, snapshot or backup is given by its id or as a resource. Refusals are raised as openstacksdk's
    exceptions with the service's message; failures of accepted requests are raised by `wait_for_…`.
    """

    def __init__(self, compute):
        """`compute`: returns the connection's compute service; called at the first request, not before."""
        self._compute_of = compute

    @property
    def compute(self):
        return self._compute_of()

    # sizes

    def adjustments(self, **query):
        """Generates the servers whose size may change.

        `query`: limit (of a page), marker, sort_key, sort_dir, all_projects, changes_since.
        """
        return Adjustment.list(self.compute, **query)

    def get_adjustment(self, server):
        return self._of(Adjustment, server).fetch(self.compute)

    def adjust_server(self, server, vcpus=None, memory_mb=None, persist=True, may_migrate=None):
        """Requests a size: vCPUs, memory in MiB, or both. Returns the :class:`Adjustment` in progress."""
        size = _size(vcpus, memory_mb, persist, may_migrate)
        return self._of(Adjustment, server).adjust(self.compute, size)

    def plan_adjustment(self, server, vcpus=None, memory_mb=None, persist=True, may_migrate=None):
        """The possible ways to a size, as a :class:`Plan`."""
        size = _size(vcpus, memory_mb, persist, may_migrate)
        return self._of(Adjustment, server).plan(self.compute, size)

    def wait_for_adjustment(self, server, **waiting):
        """Waits for the end of an adjustment and returns it. `waiting`: interval and timeout in seconds, callback.

        :raises: :class:`openstack.exceptions.ResourceFailure` with the service's message if the size was not reached
        """
        found = until(
            lambda: self.get_adjustment(server), lambda one: one.status != 'adjusting', 'the adjustment', **waiting
        )
        if found.status in ('partial', 'error'):
            raise exceptions.ResourceFailure(found.message or f'The adjustment ended with status {found.status}.')
        return found

    # policies

    def policies(self, all_projects=False, limit=None, offset=None):
        query = _given(limit=limit, offset=offset, all_projects=True if all_projects else None)
        return Policy.list(self.compute, paginated=False, **query)

    def get_policy(self, policy):
        return self._of(Policy, policy).fetch(self.compute)

    def find_policy(self, name_or_id, ignore_missing=False):
        return Policy.find(self.compute, name_or_id, ignore_missing=ignore_missing)

    def create_policy(self, **attrs):
        """`attrs`: name, one of server_id, server_group_id and flavor_id; pressure, schedules, enabled, dry_run."""
        return Policy.new(**attrs).create(self.compute)

    def update_policy(self, policy, **attrs):
        """Changes only the given attributes; `pressure` and `schedules` are replaced as a whole."""
        return Policy.new(id=_id(policy), **attrs).commit(self.compute)

    def delete_policy(self, policy):
        self._of(Policy, policy).delete(self.compute)

    def policy_decisions(self, policy, limit=None, offset=None):
        """Generates the decisions of a policy, newest first."""
        policy_id = _id(policy)
        return Decision.list(
            self.compute, paginated=False, policy_id=policy_id, **_given(limit=limit, offset=offset)
        )

    # snapshots

    def snapshots(self, server):
        return self._copies_of(Snapshot, server)

    def get_snapshot(self, snapshot):
        return self._of(Snapshot, snapshot).fetch(self.compute)

    def find_snapshot(self, server, name_or_id):
        """A snapshot of the server."""
        return self._one(Snapshot, name_or_id, self.snapshots(server))

    def create_snapshot(self, server, name, description=None, tags=None, quiesce=None):
        attrs = _given(name=name, description=description, tags=tags, quiesce=quiesce)
        return self._create_copy(Snapshot, server, attrs)

    def update_snapshot(self, snapshot, **attrs):
        """`attrs`: name, description, tags. `snapshot`: the resource, since the service requires its server."""
        return Snapshot.new(id=snapshot.id, **attrs).commit(
            self.compute, base_path=Snapshot.of_server(snapshot.server_id)
        )

    def delete_snapshot(self, snapshot):
        self._of(Snapshot, snapshot).delete(self.compute)

    def restore_snapshot(self, server, snapshot):
        """Restores the server's disk. Returns a request id for `wait_for_restore`."""
        return self._of(Snapshot, snapshot).restore(self.compute, _id(server))

    def wait_for_snapshot(self, snapshot, **waiting):
        """Waits until a snapshot is available and returns it; raises ResourceFailure if it is in error."""
        return self._settled(lambda: self.get_snapshot(snapshot), **waiting)

    # backups

    def backups(self, server=None):
        """Generates the backups of a server, or the newest of the project, also of deleted servers."""
        return Backup.list(self.compute, paginated=False) if server is None else self._copies_of(Backup, server)

    def get_backup(self, backup):
        return self._of(Backup, backup).fetch(self.compute)

    def find_backup(self, name_or_id):
        try:
            return self.get_backup(name_or_id)
        except (exceptions.NotFoundException, exceptions.BadRequestException):
            return self._one(Backup, name_or_id, self.backups())

    def create_backup(self, server, name, description=None, tags=None, incremental=None, quiesce=None):
        """`incremental=False`: the whole disk; otherwise only the changes, if they are known."""
        attrs = _given(name=name, description=description, tags=tags, incremental=incremental, quiesce=quiesce)
        return self._create_copy(Backup, server, attrs)

    def update_backup(self, backup, **attrs):
        return Backup.new(id=_id(backup), **attrs).commit(self.compute)

    def delete_backup(self, backup):
        self._of(Backup, backup).delete(self.compute)

    def verify_backup(self, backup):
        """Starts to read the whole backup; `wait_for_backup` returns or raises the result."""
        self._of(Backup, backup).verify(self.compute)

    def restore_backup(self, server, backup):
        """Restores the server's disk. Returns a request id for `wait_for_restore`."""
        return self._of(Backup, backup).restore(self.compute, _id(server))

    def create_server_from_backup(self, backup, **server):
        """Creates a server. Returns its id.

        `server`: name, flavorRef and other members of a new server at microversion 2.1.
        """
        return self._of(Backup, backup).restore_to_new(self.compute, server)

    def wait_for_backup(self, backup, **waiting):
        """Waits until a backup is available and returns it; raises ResourceFailure if it is in error."""
        return self._settled(lambda: self.get_backup(backup), **waiting)

    def wait_for_restore(self, server, copy, request_id, **waiting):
        """Waits for the end of a restore and returns the server. `copy`: the :class:`Snapshot` or :class:`Backup`.

        :raises: :class:`openstack.exceptions.ResourceFailure` with the reason if that failed
        """
        server_id = _id(server)
        found = until(
            lambda: self.compute.get_server(server_id), lambda one: one.task_state is None, 'the restore', **waiting
        )
        path = f'/servers/{server_id}/os-instance-actions/{request_id}'
        action = self._read(path, microversion=_DETAILS)['instanceAction']
        if action['message'] is not None:
            told = (event.get('details') for event in action['events'])
            found_wrong = self._of(type(copy), copy).fetch(self.compute).reason
            reason = found_wrong or next(filter(None, told), action['message'])
            raise exceptions.ResourceFailure(f'The server was not restored: {reason}')
        return found

    def wait_for_server(self, server, **waiting):
        """Waits until a new server is active and returns it; raises ResourceFailure with its fault if that failed."""
        found = until(
            lambda: self.compute.get_server(_id(server)),
            lambda one: one.status in ('ACTIVE', 'ERROR'),
            'the new server',
            **waiting,
        )
        if found.status == 'ERROR':
            # openstacksdk's server has no `fault`
            fault = self._read(f'/servers/{found.id}')['server'].get('fault') or {}
            raise exceptions.ResourceFailure(fault.get('message') or f'Server {found.id} is in error.')
        return found

    # schedules of backups

    def get_backup_schedule(self, server):
        return self._schedule(server).fetch(self.compute, requires_id=False)

    def set_backup_schedule(self, server, cron, keep, incrementals=None, quiesce=None, enabled=None):
        """Replaces the whole schedule; omitted attributes get the service's defaults."""
        attrs = _given(cron=cron, keep=keep, incrementals=incrementals, quiesce=quiesce, enabled=enabled)
        return self._schedule(server, **attrs).commit(self.compute)

    def delete_backup_schedule(self, server):
        self._schedule(server).delete(self.compute)

    def _read(self, path, **more):
        return checked(self.compute.get(path, **more)).json()

    @staticmethod
    def _of(kind, given):
        return kind.new(id=_id(given))

    @staticmethod
    def _schedule(server, **attrs):
        return BackupSchedule.new(server=_id(server), **attrs)

    def _copies_of(self, kind, server):
        path = kind.of_server(_id(server))
        return kind.list(self.compute, paginated=False, base_path=path)

    def _create_copy(self, kind, server, attrs):
        path = kind.of_server(_id(server))
        return kind.new(**attrs).create(self.compute, base_path=path)

    @staticmethod
    def _one(kind, name_or_id, candidates):
        """
        :raises: :class:`openstack.exceptions.NotFoundException`, or DuplicateResource if several have the name
        """
        found = [one for one in candidates if name_or_id in (one.id, one.name)]
        exact = [one for one in found if one.id == name_or_id] or found
        if not exact:
            raise exceptions.NotFoundException(f'No {kind.__name__} found for {name_or_id}')
        if len(exact) > 1:
            raise exceptions.DuplicateResource(f'More than one {kind.__name__} exists with the name {name_or_id!r}.')
        return exact[0]

    @staticmethod
    def _settled(look, **waiting):
        found = until(
            look, lambda one: one.status in ('available', 'error') and not one.is_verifying, 'the copy', **waiting
        )
        if found.status == 'error':
            raise exceptions.ResourceFailure(found.reason or f'{found.id} is in error.')
        return found
