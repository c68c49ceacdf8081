import horizon
from django.utils.translation import gettext_lazy as _


class Sizes(horizon.Panel):
    name = _('Server Sizes')
    slug = 'sizes'
    permissions = ('openstack.services.compute',)
    policy_rules = (('compute', 'os_compute_api:servers:index'),)
