#!/bin/bash
# `make install-test`: docs/installing.md, command by command, on clean machines; FROM=REVISION: three machines are upgraded from there.
# As root. PACKAGES=DIR: these instead of packages of this checkout.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/packages.sh ensure packages install-test guest
cache=${XDG_CACHE_HOME:-$HOME/.cache}/xloud-compute
# the last release, or, before there is one, what came before the last change of the schema
from=${1:-$(git tag --merged HEAD --list 'v[0-9]*' --sort=-creatordate | head -n 1)}
from=$(git rev-parse --short=8 "${from:-$(git log -1 --format=%h -- migrations)^}")
older=$cache/packages-$from

if [ ! -d "$older" ]; then
  tree=$(mktemp -d)
  trap 'git worktree remove --force "$tree" 2>/dev/null || rm -rf "$tree"' EXIT
  git worktree add --quiet --force --detach "$tree" "$from"
  # what was there before there were packages is packed as today
  if [ ! -d "$tree/packaging" ]; then cp -r packaging "$tree/" && cp -r tools/package "$tree/tools/"; fi
  if cmp -s package-lock.json "$tree/package-lock.json"; then cp -al node_modules "$tree/"; else make -s -C "$tree" deps; fi
  node "$tree/tools/package/main.ts" --only deb --out "$older"
  git worktree remove --force "$tree"
  trap - EXIT
fi
# not in dist/packages: the tarball there is another's work
newer=${PACKAGES:-.cache/install-test/packages}
[ -n "${PACKAGES:-}" ] || node tools/package/main.ts --only deb --out "$newer"
tools/guest/build.sh .cache/install-test >/dev/null
node tools/install-test/main.ts --base "$(tools/install-test/base.sh)" --older "$older" --newer "$newer" --guest .cache/install-test/guest.qcow2 ${ONLY:+--only "$ONLY"}
