# Why: Cinder's own drivers of iSCSI want LVM's device mapper or an array. This one keeps each volume as a file and has tgtd, in user
# space, hand it out: a target of its own with a password of its own for each volume, to the initiator that Cinder was told.

import os
import secrets

from oslo_config import cfg
from oslo_concurrency import processutils

from cinder import exception
from cinder import interface
from cinder.volume import driver

OPTIONS = [
    cfg.StrOpt('file_iscsi_directory'),
    cfg.StrOpt('file_iscsi_portal'),
    cfg.StrOpt('file_iscsi_control_port'),
]
cfg.CONF.register_opts(OPTIONS, group='files')

PREFIX = 'iqn.2010-10.org.openstack:'


@interface.volumedriver
class FileISCSIDriver(driver.VolumeDriver):
    VERSION = '1'
    CI_WIKI_NAME = 'none'

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(OPTIONS)

    def _tgt(self, *words):
        port = self.configuration.file_iscsi_control_port
        return processutils.execute('tgtadm', '-C', port, '--lld', 'iscsi', *words)[0]

    def _path(self, volume):
        return os.path.join(self.configuration.file_iscsi_directory, volume['name'])

    def _target(self, volume):
        """The number of a volume's target, or None."""
        for line in self._tgt('--mode', 'target', '--op', 'show').splitlines():
            if line.startswith('Target ') and line.endswith(': ' + PREFIX + volume['name']):
                return line.split()[1].rstrip(':')
        return None

    def check_for_setup_error(self):
        self._tgt('--mode', 'target', '--op', 'show')

    def _update_volume_stats(self):
        name = self.configuration.safe_get('volume_backend_name')
        self._stats = {
            'volume_backend_name': name, 'vendor_name': 'tests', 'driver_version': self.VERSION,
            'storage_protocol': 'iSCSI', 'total_capacity_gb': 100, 'free_capacity_gb': 90, 'reserved_percentage': 0,
        }

    def create_volume(self, volume):
        with open(self._path(volume), 'wb') as file:
            file.truncate(volume['size'] * 1024 ** 3)

    def delete_volume(self, volume):
        if os.path.exists(self._path(volume)):
            os.remove(self._path(volume))

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        number = self._target(volume)
        if number is not None:
            return {}
        taken = self._tgt('--mode', 'target', '--op', 'show').splitlines()
        number = str(1 + max([int(line.split()[1].rstrip(':')) for line in taken if line.startswith('Target ')] or [0]))
        user, password = secrets.token_hex(8), secrets.token_hex(8)
        self._tgt('--mode', 'target', '--op', 'new', '--tid', number, '-T', PREFIX + volume['name'])
        self._tgt('--mode', 'logicalunit', '--op', 'new', '--tid', number, '--lun', '1', '-b', self._path(volume))
        self._tgt('--mode', 'account', '--op', 'new', '--user', user, '--password', password)
        self._tgt('--mode', 'account', '--op', 'bind', '--tid', number, '--user', user)
        return {'provider_auth': 'CHAP %s %s' % (user, password)}

    def remove_export(self, context, volume):
        number = self._target(volume)
        if number is not None:
            self._tgt('--mode', 'target', '--op', 'delete', '--force', '--tid', number)

    def initialize_connection(self, volume, connector):
        if 'initiator' not in connector:
            raise exception.InvalidConnectorException(missing='initiator')
        number = self._target(volume)
        self._tgt('--mode', 'target', '--op', 'bind', '--tid', number, '--initiator-name', connector['initiator'])
        method, user, password = volume['provider_auth'].split()
        return {'driver_volume_type': 'iscsi', 'data': {
            'target_discovered': False, 'target_iqn': PREFIX + volume['name'], 'target_lun': 1,
            'target_portal': self.configuration.file_iscsi_portal, 'volume_id': volume['id'],
            'auth_method': method, 'auth_username': user, 'auth_password': password,
        }}

    def terminate_connection(self, volume, connector, **kwargs):
        number = self._target(volume)
        if number is not None and connector is not None:
            self._tgt('--mode', 'target', '--op', 'unbind', '--tid', number, '--initiator-name', connector['initiator'])
        return len(volume.volume_attachment) > 1
