#!/bin/bash
# `make run`: prepares a hypervisor where that is possible, then starts everything in one process.
set -euo pipefail
cd "$(dirname "$0")/.."
driver=auto
args=("$@")
for ((i = 0; i < ${#args[@]}; i++)); do
  [ "${args[i]}" = --driver ] && driver=${args[i + 1]}
done
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
fi
exec bin/xloud serve "$@"
