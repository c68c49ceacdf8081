#!/bin/bash
# `make upgrade FROM=REVISION`: processes of that revision become those of this checkout, one after another, under a load.
set -euo pipefail
cd "$(dirname "$0")/.."
from=${1:?a revision}
shift
tools/packages.sh ensure mariadb rabbitmq
older=$(mktemp -d)
trap 'rm -rf "$older"' EXIT
git archive "$from" | tar -x -C "$older"
if cmp -s package-lock.json "$older/package-lock.json"; then
  cp -al node_modules "$older/"
else
  make -s -C "$older" deps
fi
node --disable-warning=ExperimentalWarning test/chaos/upgrade.ts --from "$older" "$@"
