#!/bin/bash
# Plays clouds from seeds: test/sim/main.ts says what it takes.
set -euo pipefail
cd "$(dirname "$0")/.."
export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$PWD/.cache/compile}
exec node --disable-warning=ExperimentalWarning test/sim/main.ts "$@"
