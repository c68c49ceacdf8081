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

# The functional tests in three streams that run side by side, since most of each is waiting: those on libvirt; those that wait for
# programs of others, for processes that are killed, or for the guest's own image; and the rest.
libvirt=(-name 'libvirt*')
programs=(-name 'guest*' -o -name 'openstack*' -o -name 'identity-openstack*' -o -name 'identity-parity*' -o -name 'keystone*' -o -name 'notifications*' -o -name 'crash.*')
functional() { find test/functional -name '*.test.ts' "$@" | sort; }

case $what in
  unit)
    run_node_tests 'test/unit/**/*.test.ts'
    ;;
  libvirt)
    tools/packages.sh ensure host guest
    mapfile -t files < <(functional \( "${libvirt[@]}" -o -name 'guest*' \))
    run_node_tests "${files[@]}"
    ;;
  all)
    tools/packages.sh ensure host guest mariadb keystone openstack oslo rabbitmq
    export XLOUD_EXCHANGES=${XLOUD_EXCHANGES:-$cache/exchanges.jsonl}
    rm -f "$XLOUD_EXCHANGES"
    mapfile -t on_libvirt < <(functional \( "${libvirt[@]}" \))
    mapfile -t with_programs < <(functional \( "${programs[@]}" \))
    mapfile -t rest < <(functional ! \( "${libvirt[@]}" -o "${programs[@]}" \))
    echo "tests: ${#on_libvirt[@]} files on libvirt and ${#with_programs[@]} with other programs run beside the rest; their reports follow at the end"
    status=0
    run_node_tests "${on_libvirt[@]}" >"$cache/tests-libvirt.log" 2>&1 &
    libvirt_pid=$!
    run_node_tests "${with_programs[@]}" >"$cache/tests-programs.log" 2>&1 &
    programs_pid=$!
    run_node_tests 'test/unit/**/*.test.ts' "${rest[@]}" || status=1
    wait "$programs_pid" || status=1
    echo "tests: those with other programs"
    cat "$cache/tests-programs.log"
    wait "$libvirt_pid" || status=1
    echo "tests: those on libvirt"
    cat "$cache/tests-libvirt.log"
    node test/support/conformance.ts "$XLOUD_EXCHANGES" --whole || status=1
    exit $status
    ;;
  *)
    echo "usage: tools/test.sh all|unit|libvirt" >&2
    exit 2
    ;;
esac
