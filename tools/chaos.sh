#!/bin/bash
# `make chaos`: installs what processes apart need, then lets the worst happen to them (test/chaos/main.ts says what it takes).
# All of it is in namespaces of its own, which end with it: its networks, its mounts, its processes.
set -euo pipefail
cd "$(dirname "$0")/.."
case " $* " in *' --driver libvirt '*) hosts='host guest' ;; *) hosts='' ;; esac
# shellcheck disable=SC2086 -- groups, a word each
tools/packages.sh ensure mariadb rabbitmq chaos $hosts
[ "$(id -u)" -eq 0 ] || { echo 'chaos: networks and disks are cut off and filled by root alone' >&2 && exit 1; }
[ -z "$hosts" ] || node --disable-warning=ExperimentalWarning test/support/build-guest.ts
exec unshare --net --mount --pid --fork --kill-child --mount-proc bash -c '
  set -euo pipefail
  ip link set lo up
  mkdir -p /run/netns
  mount -t tmpfs chaos /run/netns
  node --disable-warning=ExperimentalWarning test/chaos/main.ts "$@"
' chaos "$@"
