#!/bin/bash
# `make horizon`: OpenStack's dashboard, Debian's, against `xloud serve`, and our own panel in it; --sizes: that panel alone.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/packages.sh ensure horizon volumes browser
exec nice -n 10 node --disable-warning=ExperimentalWarning tools/horizon/run.ts "$@"
