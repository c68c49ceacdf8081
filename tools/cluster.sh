#!/bin/bash
# `make cluster`: installs what processes apart need, then starts them (tools/cluster.ts) until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/packages.sh ensure mariadb rabbitmq front
exec node --disable-warning=ExperimentalWarning tools/cluster.ts "$@"
