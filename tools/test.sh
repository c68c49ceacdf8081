#!/bin/bash
# Runs the tests: `all`, `unit` or `libvirt`. Installs what the chosen ones need; a part that cannot run here says so and fails.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}

run_node_tests() {
  # One process for all files: a process per file would cost twenty times as much.
  node --disable-warning=ExperimentalWarning --test --test-isolation=none --test-reporter=spec --test-timeout=600000 "$@"
}

case $what in
  unit)
    run_node_tests 'test/unit/**/*.test.ts'
    ;;
  libvirt)
    tools/packages.sh ensure host guest
    run_node_tests 'test/functional/libvirt*.test.ts' 'test/functional/guest.test.ts'
    ;;
  all)
    tools/packages.sh ensure host guest mariadb keystone openstack oslo
    export XLOUD_EXCHANGES=${XLOUD_EXCHANGES:-$PWD/.cache/exchanges.jsonl}
    mkdir -p "$(dirname "$XLOUD_EXCHANGES")"
    rm -f "$XLOUD_EXCHANGES"
    run_node_tests 'test/unit/**/*.test.ts' 'test/functional/**/*.test.ts'
    node test/support/conformance.ts "$XLOUD_EXCHANGES"
    ;;
  *)
    echo "usage: tools/test.sh all|unit|libvirt" >&2
    exit 2
    ;;
esac
