#!/bin/bash
# `make clients`: openstacksdk's own functional tests of the services that the program has, against `xloud serve` on the fake driver.
#
#   tools/clients.sh [SERVICE...]     identity image network compute block_storage; all of them without a word
set -euo pipefail
cd "$(dirname "$0")/.."
tools/venv.sh clients
exec nice -n 10 node --disable-warning=ExperimentalWarning tools/clients/run.ts "$PWD/.cache/venv/clients/bin/python" "$@"
