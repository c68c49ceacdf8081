#!/bin/bash
# `make run`: prepares a hypervisor where that is possible, then starts everything in one process.
set -euo pipefail
cd "$(dirname "$0")/.."
driver=auto
data_dir=$PWD/var
args=("$@")
for ((i = 0; i < ${#args[@]}; i++)); do
  case ${args[i]} in
  --driver) driver=${args[i + 1]} ;;
  --data-dir) data_dir=${args[i + 1]} ;;
  esac
done

# QEMU runs as a user of its own. A checkout below a directory that is closed to others (/root, most homes) keeps everything
# where it is but the guests' disks, and copies of them.
keep_disks_in_reach() {
  local path instances
  [ "$(id -u)" = 0 ] || return 0
  path=$(realpath -m "$data_dir")
  instances=/var/lib/xloud/$(printf %s "$path" | sha256sum | cut -c1-12)
  while [ "$path" != / ]; do
    if [ -d "$path" ] && [ $((0$(stat -c %a "$path") & 8#011)) = 0 ]; then
      mkdir -p -m 711 /var/lib/xloud
      export XLOUD_COMPUTE__INSTANCES_DIR=${XLOUD_COMPUTE__INSTANCES_DIR:-$instances}
      export XLOUD_BACKUP__DIRECTORY=${XLOUD_BACKUP__DIRECTORY:-$instances-backups}
      echo "run: $path is closed to QEMU's user: guests' disks stand in $XLOUD_COMPUTE__INSTANCES_DIR, copies of them in $XLOUD_BACKUP__DIRECTORY"
      return 0
    fi
    path=$(dirname "$path")
  done
}
# one machine is the only place that a resize can go to
export XLOUD_COMPUTE__ALLOW_RESIZE_TO_SAME_HOST=${XLOUD_COMPUTE__ALLOW_RESIZE_TO_SAME_HOST:-yes}
if [ "$driver" != fake ]; then
  if ! tools/host.sh; then
    [ "$driver" = libvirt ] && exit 1
    echo
    echo "  ####################################################################################"
    echo "  #  NO HYPERVISOR HERE (see above): starting on the FAKE driver. Servers will not   #"
    echo "  #  be real. Run \`make host\` as root on Debian or Ubuntu to get a real one.         #"
    echo "  ####################################################################################"
    echo
    exec bin/xloud serve "$@" --driver fake
  fi
  keep_disks_in_reach
fi
# where tools/host.sh starts libvirtd, its networks are
if [ ! -d /run/systemd/system ] && [ -e "/run/netns/${XLOUD_HOST_NETNS-xloud}" ]; then
  export XLOUD_COMPUTE__SSH_NETNS=${XLOUD_HOST_NETNS-xloud}
fi
if [ "${ENGINE:-basic}" = ovn ]; then
  tools/ovn.sh
  export XLOUD_NETWORK__ENGINE=ovn
  export XLOUD_NETWORK__OVN_NB=unix:${XLOUD_OVN_DIR:-/run/xloud-ovn}/nb.sock
  export XLOUD_NETWORK__OVN_GATEWAYS=${XLOUD_OVN_CHASSIS:-xloud}
  # where tools/ovn.sh starts the switch
  if [ ! -d /run/systemd/system ] && [ -e "/run/netns/${XLOUD_HOST_NETNS-xloud}" ]; then
    export XLOUD_NETWORK__OVS_NETNS=${XLOUD_HOST_NETNS-xloud}
  fi
fi
exec bin/xloud serve "$@"
