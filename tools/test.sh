#!/bin/bash
# Runs the tests: `all`, `unit` or `libvirt`. Installs what the chosen ones need; a part that cannot run here says so and fails.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
cache=$PWD/.cache
mkdir -p "$cache"

run_node_tests() {
  # One process for all files: a process per file would cost twenty times as much.
  node --disable-warning=ExperimentalWarning --test --test-isolation=none --test-reporter=spec --test-timeout=600000 "$@"
}

# The functional tests in three streams that run side by side, since most of each is waiting: those that boot guests, those that wait
# for programs of others or for processes that are killed, and the rest.
guests=(-name 'libvirt*' -o -name 'guest*')
others=(-name 'openstack*' -o -name 'identity-openstack*' -o -name 'identity-parity*' -o -name 'keystone*' -o -name 'notifications*' -o -name 'crash.*')
functional() { find test/functional -name '*.test.ts' "$@" | sort; }

case $what in
  unit)
    run_node_tests 'test/unit/**/*.test.ts'
    ;;
  libvirt)
    tools/packages.sh ensure host guest
    mapfile -t files < <(functional \( "${guests[@]}" \))
    run_node_tests "${files[@]}"
    ;;
  all)
    tools/packages.sh ensure host guest mariadb keystone openstack oslo rabbitmq
    export XLOUD_EXCHANGES=${XLOUD_EXCHANGES:-$cache/exchanges.jsonl}
    rm -f "$XLOUD_EXCHANGES"
    mapfile -t with_guests < <(functional \( "${guests[@]}" \))
    mapfile -t with_others < <(functional \( "${others[@]}" \))
    mapfile -t rest < <(functional ! \( "${guests[@]}" -o "${others[@]}" \))
    echo "tests: ${#with_guests[@]} files with guests and ${#with_others[@]} with programs of others run beside the rest; their reports follow at the end"
    status=0
    run_node_tests "${with_guests[@]}" >"$cache/tests-guests.log" 2>&1 &
    guests_pid=$!
    run_node_tests "${with_others[@]}" >"$cache/tests-others.log" 2>&1 &
    others_pid=$!
    run_node_tests 'test/unit/**/*.test.ts' "${rest[@]}" || status=1
    wait "$others_pid" || status=1
    echo "tests: those with programs of others"
    cat "$cache/tests-others.log"
    wait "$guests_pid" || status=1
    echo "tests: those with guests"
    cat "$cache/tests-guests.log"
    node test/support/conformance.ts "$XLOUD_EXCHANGES" --whole || status=1
    exit $status
    ;;
  *)
    echo "usage: tools/test.sh all|unit|libvirt" >&2
    exit 2
    ;;
esac
