#!/bin/bash
# `make demo`: installs what the story needs, then tells it (tools/demo.ts).
set -euo pipefail
cd "$(dirname "$0")/.."
tools/packages.sh ensure host guest openstack
tools/host.sh
exec node --disable-warning=ExperimentalWarning tools/demo.ts
