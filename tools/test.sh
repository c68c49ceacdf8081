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
  # One process for all files: a process per file would cost twenty times as much. It ends with its last test, whatever that left open.
  node --disable-warning=ExperimentalWarning --test --test-isolation=none --test-force-exit --test-reporter=spec --test-timeout=600000 "$@"
}

# Files of test/functional that boot guests; of the others, those that start programs (the service itself among them), and the rest.
# Most of the first two is waiting for what they started, so that the three run side by side.
PROGRAMS='support/(serve|xloud|keystone|rabbitmq|browser|front|crash-end|openstack/[a-z]+)\.ts|(crash-users|upgrade)-child'
with_guests() { find test/functional -name '*.test.ts' \( -name 'libvirt*' -o -name 'guest*' \) | sort; }
without_guests() { find test/functional -name '*.test.ts' ! -name 'libvirt*' ! -name 'guest*' | sort; }
with_programs() { without_guests | xargs grep -lE "$PROGRAMS"; }
rest() { without_guests | xargs grep -LE "$PROGRAMS"; }

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
    status=0
    streams=()
    for kind in guests programs; do
      mapfile -t files < <(with_$kind)
      echo "tests: ${#files[@]} files with $kind run beside the rest; their report follows at the end"
      run_node_tests "${files[@]}" >"$cache/tests-with-$kind.log" 2>&1 &
      streams+=("$kind:$!")
    done
    # seeds that nobody ran before; what they find is printed with the command that shows it again
    echo "tests: a minute of simulation runs beside the rest; its report follows at the end"
    # it waits for nothing but the processor: whoever waits for a guest comes first
    {
      renice -n 10 -p "$BASHPID" >/dev/null
      run_node_tests 'test/sim/*.test.ts' &&
        tools/sim.sh --seconds 60 --jobs 1 --from "$(($(date +%s) % 1000000000))"
    } >"$cache/tests-with-simulation.log" 2>&1 &
    streams+=("simulation:$!")
    mapfile -t files < <(rest)
    run_node_tests 'test/unit/**/*.test.ts' "${files[@]}" || status=1
    for stream in "${streams[@]}"; do
      wait "${stream#*:}" || status=1
      echo "tests: those with ${stream%:*}"
      cat "$cache/tests-with-${stream%:*}.log"
    done
    node test/support/conformance.ts "$XLOUD_EXCHANGES" --whole || status=1
    exit $status
    ;;
  *)
    echo "usage: tools/test.sh all|unit|libvirt|crash" >&2
    exit 2
    ;;
esac
