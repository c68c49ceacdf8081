"""What xloud-compute adds to the OpenStack Compute API: servers that grow and shrink, copies of their disks."""
