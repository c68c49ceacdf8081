from django.utils.translation import gettext_lazy as _
from horizon import exceptions, tabs

from xloud_dashboard import api
from xloud_dashboard.sizes.tables import ADJUSTABLE, STATUS_WORDS


class SizeTab(tabs.Tab):
    """In the details of an instance."""

    name = _('Size')
    slug = 'size'
    template_name = 'xloud_dashboard/size.html'

    def get_context_data(self, request):
        instance = self.tab_group.kwargs['instance']
        try:
            adjustment = api.adjustment_get(request, instance.id)
        except Exception:
            exceptions.handle(request, _('Unable to retrieve the size of this server.'))
            return {'adjustment': None}
        return {
            'adjustment': adjustment,
            'status': dict(STATUS_WORDS).get(adjustment.status, adjustment.status),
            'adjustable': instance.status in ADJUSTABLE,
        }
