#!/bin/bash
# `make horizon`: OpenStack's dashboard, Debian's, against `xloud serve`.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/packages.sh ensure horizon volumes
exec nice -n 10 node --disable-warning=ExperimentalWarning tools/horizon/run.ts
