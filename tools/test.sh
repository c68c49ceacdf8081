#!/bin/bash
# Runs the tests: `all`, `unit`, `libvirt` or `crash`. Installs what the chosen ones need; a part that cannot run here says so and fails.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
cache=$PWD/.cache
mkdir -p "$cache"
# The processes that tests start and kill by the hundred compile nothing anew.
export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$cache/compile}

run_node_tests() {
  # One process for all files: a process per file would cost twenty times as much.
  node --disable-warning=ExperimentalWarning --test --test-isolation=none --test-reporter=spec --test-timeout=600000 "$@"
}

# Files of test/functional that boot guests, and the rest.
with_guests() { find test/functional -name '*.test.ts' \( -name 'libvirt*' -o -name 'guest*' \) | sort; }
without_guests() { find test/functional -name '*.test.ts' ! -name 'libvirt*' ! -name 'guest*' | sort; }
# Two halves that take about as long, since most of both is waiting: the guests with the one long test of kills, and the rest.
KILLS=test/functional/crash.test.ts
guest_half() { with_guests && echo "$KILLS"; }
other_half() { without_guests | grep -vxF "$KILLS"; }

case $what in
  unit)
    run_node_tests 'test/unit/**/*.test.ts'
    ;;
  libvirt)
    tools/packages.sh ensure host guest machines
    mapfile -t files < <(with_guests)
    run_node_tests "${files[@]}"
    ;;
  crash)
    tools/packages.sh ensure mariadb
    XLOUD_CRASH=all run_node_tests test/functional/crash{,-mariadb,-users}.test.ts
    ;;
  all)
    tools/packages.sh ensure host guest machines mariadb sqlite keystone openstack oslo rabbitmq front browser prometheus
    export XLOUD_EXCHANGES=${XLOUD_EXCHANGES:-$cache/exchanges.jsonl}
    rm -f "$XLOUD_EXCHANGES"
    mapfile -t guests < <(guest_half)
    mapfile -t rest < <(other_half)
    log=$cache/libvirt-tests.log
    echo "tests: ${#guests[@]} files, above all those with guests, run beside the rest; their report follows at the end"
    status=0
    run_node_tests "${guests[@]}" >"$log" 2>&1 &
    beside=$!
    run_node_tests 'test/unit/**/*.test.ts' "${rest[@]}" || status=1
    wait "$beside" || status=1
    echo "tests: those that ran beside"
    cat "$log"
    node test/support/conformance.ts "$XLOUD_EXCHANGES" --whole || status=1
    exit $status
    ;;
  *)
    echo "usage: tools/test.sh all|unit|libvirt|crash" >&2
    exit 2
    ;;
esac
