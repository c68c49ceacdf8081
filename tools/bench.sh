#!/bin/bash
# Runs the benches one after the other and says which bars were missed. Words after the command go to each bench (`--json`).
# Status 1: a bar was missed. A bench that cannot run here (status 2: no libvirt) says so and is no failure.
set -uo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

tools/packages.sh ensure host guest mariadb rabbitmq
npm run --silent build
failed=()
for name in footprint memory create creates deletes purge api scheduler elastic-sim autoscale-sim adjust cluster reports libvirt-rpc; do
  printf '\n== %s\n' "$name"
  node --disable-warning=ExperimentalWarning "bench/$name.ts" "$@"
  status=$?
  case $status in
    0) ;;
    2) echo "$name: not run" ;;
    *) failed+=("$name") ;;
  esac
done
if [ ${#failed[@]} -gt 0 ]; then
  printf '\nmissed or failed: %s\n' "${failed[*]}"
  exit 1
fi
