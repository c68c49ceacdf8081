# Copied or linked into Horizon's openstack_dashboard/local/enabled.
PANEL = 'sizes'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'compute'
ADD_PANEL = 'xloud_dashboard.sizes.panel.Sizes'
ADD_INSTALLED_APPS = ['xloud_dashboard']
# in the details of an instance
EXTRA_TABS = {
    'openstack_dashboard.dashboards.project.instances.tabs.InstanceDetailTabs': ('xloud_dashboard.sizes.tabs.SizeTab',),
}
