#!/bin/bash
# `make tempest`: OpenStack's integration tests of the compute API, Debian's and the newest, against `xloud serve`.
#
#   tools/tempest.sh [debian|newest] [REGEX]     both without a word
set -euo pipefail
cd "$(dirname "$0")/.."
which=${1:-both}
regex=${2:+"$2"}
venv=$PWD/.cache/venv/tempest

run() { nice -n 10 node --disable-warning=ExperimentalWarning tools/tempest/run.ts "$@"; }

status=0
if [ "$which" != newest ]; then
  tools/packages.sh ensure tempest
  # what Debian's tempest knows ends with its release
  run /usr/bin/tempest 2.93 ${regex:+"$regex"} || status=1
fi
if [ "$which" != debian ]; then
  tools/venv.sh tempest
  run "$venv/bin/tempest" latest ${regex:+"$regex"} || status=1
fi
exit $status
