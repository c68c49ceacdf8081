#!/bin/bash
# A whole OpenStack on this machine with our compute service in Nova's place: Debian's Keystone, Glance and Neutron (OVN), MariaDB, RabbitMQ,
# and API, worker and agents as processes of their own over two libvirt hosts.
#
#   tools/openstack-cloud.sh        brings it up for somebody to use, says how to log in, and ends all of it at Ctrl-C
#   tools/openstack-cloud.sh day    brings it up, runs a day of its users (test/openstack), ends it; the exit status says how that went
set -euo pipefail
cd "$(dirname "$0")/.."
tools/packages.sh ensure host guest ovn ovn-tests mariadb rabbitmq keystone glance placement neutron openstack
case ${1:-stay} in
stay) exec node --disable-warning=ExperimentalWarning tools/openstack-cloud.ts ;;
day) XLOUD_TEST_SILENCE_S=1800 exec node --disable-warning=ExperimentalWarning tools/run-tests.ts 'test/openstack/*.test.ts' ;;
*) sed -n '2,6s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
