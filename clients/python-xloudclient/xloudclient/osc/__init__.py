"""The commands of the `openstack` client."""
