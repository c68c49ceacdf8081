#!/bin/bash
# `make openstack`: every compute command of the openstack client, Debian's and the newest, compared with what each printed of a real
# Nova (docs/openstack-client.md).
set -euo pipefail
cd "$(dirname "$0")/.."
tools/packages.sh ensure openstack
tools/venv.sh openstack
exec nice -n 10 node --disable-warning=ExperimentalWarning tools/run-tests.ts \
  test/functional/openstack-compute.test.ts tools/openstack/newest.test.ts
