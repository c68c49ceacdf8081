"""What xloud-compute adds to the OpenStack Compute API: servers that grow and shrink, snapshots and backups of their disks."""
