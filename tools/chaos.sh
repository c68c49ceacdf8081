#!/bin/bash
# `make chaos`: installs what processes apart need, then kills them (test/chaos/main.ts says what it takes).
set -euo pipefail
cd "$(dirname "$0")/.."
tools/packages.sh ensure mariadb rabbitmq
exec node --disable-warning=ExperimentalWarning test/chaos/main.ts "$@"
