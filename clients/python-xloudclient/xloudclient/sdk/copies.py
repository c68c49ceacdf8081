"""Copies of a server's disk: snapshots, which are deleted with the server, and backups, which stay."""
from openstack import resource, utils

from xloudclient.sdk.adjustment import checked


class Copy(resource.Resource):
    """Base of snapshots and backups."""

    commit_method = 'PUT'
    allow_create = True
    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True

    server_id = resource.Body('server_id')
    description = resource.Body('description')
    tags = resource.Body('tags', type=list)
    #: creating, available, restoring, deleting or error.
    status = resource.Body('status')
    #: Why it is in error.
    reason = resource.Body('reason')
    is_verifying = resource.Body('verifying', type=bool)
    is_quiesced = resource.Body('quiesced', type=bool)
    #: Taken while the guest ran.
    is_live = resource.Body('live', type=bool)
    disk_bytes = resource.Body('disk_bytes', type=int)
    file_bytes = resource.Body('file_bytes', type=int)
    sha256 = resource.Body('sha256')
    image_ref = resource.Body('image_ref')
    created_at = resource.Body('created_at')
    updated_at = resource.Body('updated_at')
    verified_at = resource.Body('verified_at')

    @classmethod
    def of_server(cls, server_id, *more):
        """The path for creating, listing and restoring copies of a server."""
        return utils.urljoin('/servers', server_id, cls.base_path, *more)

    def restore(self, session, server_id):
        """Restores the server's disk. Returns the request id, which is that of the server's action."""
        response = checked(session.post(self.of_server(server_id, self.id, 'restore')))
        return response.headers.get('x-openstack-request-id')


class Snapshot(Copy):
    resource_key = 'snapshot'
    resources_key = 'snapshots'
    base_path = '/os-xloud-snapshots'

    #: Only for asking.
    is_quiesce = resource.Body('quiesce', type=bool)


class Backup(Copy):
    resource_key = 'backup'
    resources_key = 'backups'
    base_path = '/os-xloud-backups'

    #: whole, or incremental.
    kind = resource.Body('kind')
    parent_id = resource.Body('parent_id')
    chain_id = resource.Body('chain_id')
    position = resource.Body('position', type=int)
    is_scheduled = resource.Body('scheduled', type=bool)
    #: Only for asking.
    is_quiesce = resource.Body('quiesce', type=bool)
    is_incremental = resource.Body('incremental', type=bool)

    def verify(self, session):
        checked(session.post(utils.urljoin(self.base_path, self.id, 'verify')))

    def restore_to_new(self, session, server):
        """Creates a server from it. Returns the server's id.

        `server`: the members of a new server in the API, at microversion 2.1.
        """
        path = utils.urljoin(self.base_path, self.id, 'restore')
        return checked(session.post(path, json={'server': server}, microversion='2.1')).json()['server']['id']


class BackupSchedule(resource.Resource):
    """The automatic backups of a server."""

    resource_key = 'schedule'
    base_path = '/servers/%(server)s/os-xloud-backup-schedule'
    commit_method = 'PUT'
    requires_id = False
    allow_fetch = True
    allow_commit = True
    allow_delete = True

    #: The id of the server whose schedule it is.
    server = resource.URI('server')
    server_id = resource.Body('server_id')
    #: Five fields, in UTC.
    cron = resource.Body('cron')
    #: The number of whole backups to keep, each with up to `incrementals` incremental ones.
    keep = resource.Body('keep', type=int)
    incrementals = resource.Body('incrementals', type=int)
    is_quiesce = resource.Body('quiesce', type=bool)
    is_enabled = resource.Body('enabled', type=bool)
    next_at = resource.Body('next_at')
    last_at = resource.Body('last_at')
    last_problem = resource.Body('last_problem')
    updated_at = resource.Body('updated_at')
