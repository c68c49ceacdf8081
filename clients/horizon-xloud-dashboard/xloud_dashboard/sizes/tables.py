from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from horizon import tables
from horizon.templatetags.sizeformat import mb_float_format

from xloud_dashboard import api

ADJUSTABLE = ('ACTIVE', 'SHUTOFF')

STATUSES = (('idle', True), ('pending_reboot', True), ('adjusting', None), ('partial', False), ('error', False))
STATUS_WORDS = (
    ('idle', pgettext_lazy('Status of a change of size', 'As asked for')),
    ('pending_reboot', pgettext_lazy('Status of a change of size', 'At the next start')),
    ('adjusting', pgettext_lazy('Status of a change of size', 'Under way')),
    ('partial', pgettext_lazy('Status of a change of size', 'Reached in part')),
    ('error', pgettext_lazy('Status of a change of size', 'Error')),
)


class AdjustInstance(tables.LinkAction):
    """In the menu of Horizon's own table of instances."""

    name = 'xloud_adjust'
    verbose_name = _('Adjust Size')
    url = 'horizon:project:sizes:adjust'
    classes = ('ajax-modal',)
    icon = 'arrows-v'
    policy_rules = (('compute', 'os_compute_api:servers:show'),)

    def allowed(self, request, instance):
        return instance is not None and instance.status in ADJUSTABLE


class Adjust(AdjustInstance):
    """The same in the table of sizes."""

    name = 'adjust'

    def allowed(self, request, adjustment):
        return True


def between(sizes, words=str):
    """What a server has, and between which bounds; what it shall have where that is something else."""
    current, target, minimum, maximum = (words(sizes[name]) for name in ('current', 'target', 'minimum', 'maximum'))
    has = current if current == target else _('%(current)s, to be %(target)s') % {'current': current, 'target': target}
    return _('%(has)s (%(minimum)s to %(maximum)s)') % {'has': has, 'minimum': minimum, 'maximum': maximum}


class Row(tables.Row):
    ajax = True

    def get_data(self, request, server_id):
        return api.adjustment_get(request, server_id, api.server_name(request, server_id))


class SizesTable(tables.DataTable):
    name = tables.Column('name', verbose_name=_('Instance Name'),
                         link=lambda one: reverse('horizon:project:instances:detail', args=[one.id]))
    vcpus = tables.Column(lambda one: between(one.vcpus), verbose_name=_('vCPUs'))
    memory = tables.Column(lambda one: between(one.memory_mb, mb_float_format), verbose_name=_('Memory'))
    status = tables.Column('status', verbose_name=_('Status'), status=True, status_choices=STATUSES, display_choices=STATUS_WORDS)
    message = tables.Column(lambda one: one.message or '-', verbose_name=_('Message'))

    class Meta:
        name = 'sizes'
        verbose_name = _('Server Sizes')
        status_columns = ['status']
        row_class = Row
        row_actions = (Adjust,)
        pagination_param = 'marker'

    def get_object_display(self, one):
        return one.name
