#!/bin/bash
# `make tempest`: OpenStack's integration tests of the compute API, Debian's and the newest, against `xloud serve`; `make tempest-libvirt`:
# Debian's, against processes apart over two libvirt hosts; `make tempest-scenario`: Debian's scenarios, which log into guests on OVN;
# `make tempest-openstack`: Debian's of the compute API, then the scenarios, in a whole OpenStack with this in Nova's place.
#
#   tools/tempest.sh [debian|newest|volumes] [REGEX]     all three without a word; `volumes`: Debian's, of the volume service
#   tools/tempest.sh libvirt [REGEX]
#   tools/tempest.sh scenario [REGEX]
#   tools/tempest.sh beside [REGEX]           in a whole OpenStack, in Nova's place
#   tools/tempest.sh beside-scenario [REGEX]
set -euo pipefail
cd "$(dirname "$0")/.."
which=${1:-all}
regex=${2:+"$2"}
venv=$PWD/.cache/venv/tempest
scenarios='minimum_basic|server_basic_ops|server_advanced_ops|shelve_instance|snapshot_pattern|stamp_pattern|volume_boot_pattern'

run() { nice -n 10 node --disable-warning=ExperimentalWarning tools/tempest/run.ts "$@"; }

status=0
if [ "$which" = debian ] || [ "$which" = all ]; then
  tools/packages.sh ensure tempest
  # what Debian's tempest knows ends with its release
  run fake /usr/bin/tempest 2.93 ${regex:+"$regex"} || status=1
fi
if [ "$which" = newest ] || [ "$which" = all ]; then
  tools/venv.sh tempest
  run fake "$venv/bin/tempest" latest ${regex:+"$regex"} || status=1
fi
if [ "$which" = volumes ] || [ "$which" = all ]; then
  tools/packages.sh ensure tempest
  run fake /usr/bin/tempest 2.93 "${2:-tempest\\.api\\.volume|tempest\\.api\\.compute.*[vV]olume}" || status=1
fi
if [ "$which" = libvirt ]; then
  tools/packages.sh ensure tempest host guest mariadb rabbitmq
  run libvirt /usr/bin/tempest 2.93 ${regex:+"$regex"} || status=1
  # a word narrows; without one the guests get volumes too
  [ -n "$regex" ] || run libvirt /usr/bin/tempest 2.93 'tempest\.api\.compute.*(volume|Volume)' || status=1
fi
if [ "$which" = scenario ]; then
  tools/packages.sh ensure tempest host guest ovn
  run ovn /usr/bin/tempest 2.93 "${2:-tempest\\.scenario\\.test_($scenarios)\\.}" || status=1
fi
if [ "$which" = beside ] || [ "$which" = beside-scenario ]; then
  tools/packages.sh ensure tempest host guest ovn ovn-tests mariadb rabbitmq keystone glance neutron openstack
fi
if [ "$which" = beside ]; then
  run openstack /usr/bin/tempest 2.93 ${regex:+"$regex"} || status=1
fi
if [ "$which" = beside-scenario ]; then
  run openstack-scenario /usr/bin/tempest 2.93 "${2:-tempest\\.scenario\\.test_($scenarios)\\.}" || status=1
fi
exit $status
