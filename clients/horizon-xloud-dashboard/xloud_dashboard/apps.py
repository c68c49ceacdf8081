"""Horizon has a place for panels and for tabs, and none for an entry in the menu of a table that it has itself: that is added here."""
from django import apps


class XloudDashboard(apps.AppConfig):
    name = 'xloud_dashboard'

    def ready(self):
        from openstack_dashboard.dashboards.project.instances.tables import InstancesTable

        from xloud_dashboard.sizes.tables import AdjustInstance

        actions = InstancesTable._meta.row_actions
        if AdjustInstance not in actions:
            InstancesTable._meta.row_actions = (*actions, AdjustInstance)
            InstancesTable.base_actions[AdjustInstance.name] = AdjustInstance()
