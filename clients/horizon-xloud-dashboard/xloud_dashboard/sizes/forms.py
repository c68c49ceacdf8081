from django.utils.translation import gettext_lazy as _
from horizon import exceptions, forms, messages

from xloud_dashboard import api

OPERATOR = ''


class AdjustForm(forms.SelfHandlingForm):
    server_id = forms.CharField(widget=forms.HiddenInput())
    vcpus = forms.IntegerField(label=_('vCPUs'))
    memory_mb = forms.IntegerField(label=_('Memory (MiB)'))
    persist = forms.BooleanField(
        label=_('Keep this size'), required=False, initial=True,
        help_text=_('Otherwise it lasts until the next power cycle; a reboot is one, soft or hard.'))
    may_migrate = forms.ChoiceField(
        label=_('Where its host has no room'), required=False,
        choices=((OPERATOR, _('As the operator says')), ('yes', _('Move it to another as it runs')), ('no', _('Never move it'))))

    def __init__(self, request, *args, **kwargs):
        super().__init__(request, *args, **kwargs)
        adjustment = kwargs['initial']['adjustment']
        for name, sizes in (('vcpus', adjustment.vcpus), ('memory_mb', adjustment.memory_mb)):
            field = self.fields[name]
            field.initial = sizes['target']
            # the browser holds to them; who goes past it is told by the service
            field.widget.attrs.update(min=sizes['minimum'], max=sizes['maximum'])
            field.help_text = _('%(minimum)s to %(maximum)s') % sizes

    @staticmethod
    def _size(data):
        size = {'current_vcpus': data['vcpus'], 'current_memory_mb': data['memory_mb'], 'persist': data['persist']}
        if data['may_migrate'] != OPERATOR:
            size['may_migrate'] = data['may_migrate'] == 'yes'
        return size

    def clean(self):
        data = super().clean()
        if self.errors:
            return data
        try:
            reasons = api.refusals(self.request, data['server_id'], self._size(data))
        except Exception as refused:
            raise forms.ValidationError(str(refused))
        if reasons:
            raise forms.ValidationError([forms.ValidationError(reason) for reason in reasons])
        return data

    def handle(self, request, data):
        try:
            adjustment = api.adjust(request, data['server_id'], self._size(data))
        except Exception as refused:
            exceptions.handle(request, _('The size was not changed: %s') % refused)
            return False
        if adjustment.status == 'pending_reboot':
            messages.success(request, _('The server has this size from its next start on.'))
        else:
            messages.success(request, _('The server is on its way to %(vcpus)s vCPUs and %(memory)s MiB.') % {
                'vcpus': data['vcpus'], 'memory': data['memory_mb']})
        return True
