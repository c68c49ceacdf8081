from django.urls import reverse, reverse_lazy
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from horizon import exceptions, forms, tables
from horizon.utils import functions

from xloud_dashboard import api
from xloud_dashboard.sizes.forms import AdjustForm
from xloud_dashboard.sizes.tables import SizesTable


class IndexView(tables.DataTableView):
    table_class = SizesTable
    page_title = _('Server Sizes')

    _more = False

    def has_more_data(self, table):
        return self._more

    def get_data(self):
        try:
            marker = self.request.GET.get(SizesTable._meta.pagination_param)
            sizes, self._more = api.adjustment_list(self.request, marker, functions.get_page_size(self.request))
            names = api.server_names(self.request, {one.id for one in sizes})
        except Exception:
            exceptions.handle(self.request, _('Unable to retrieve the sizes of servers.'))
            return []
        for one in sizes:
            one.name = names.get(one.id, one.id)
        return sizes


class AdjustView(forms.ModalFormView):
    form_class = AdjustForm
    template_name = 'xloud_dashboard/adjust.html'
    page_title = modal_header = _('Adjust Size')
    modal_id = 'adjust_size_modal'
    form_id = 'adjust_size_form'
    submit_label = _('Adjust')
    success_url = reverse_lazy('horizon:project:sizes:index')
    cancel_url = reverse_lazy('horizon:project:instances:index')

    @cached_property
    def adjustment(self):
        try:
            return api.adjustment_get(self.request, self.kwargs['server_id'])
        except Exception:
            back = reverse('horizon:project:instances:index')
            exceptions.handle(self.request, _('Unable to retrieve the size of this server.'), redirect=back)

    @property
    def submit_url(self):
        return reverse('horizon:project:sizes:adjust', args=[self.kwargs['server_id']])

    def get_initial(self):
        return {'server_id': self.kwargs['server_id'], 'adjustment': self.adjustment}

    def get_context_data(self, **kwargs):
        return {**super().get_context_data(**kwargs), 'adjustment': self.adjustment}
