#!/bin/bash
# Runs the tests: `all`, `unit`, `libvirt`, `moves`, `move-in`, `ovn`, `cinder`, `kubernetes` or `crash`. Installs what the chosen ones need; a part that cannot run here says so and fails.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
cache=$PWD/.cache
mkdir -p "$cache"
# The processes that tests start and kill by the hundred compile nothing anew.
export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$cache/compile}
# What the runs below could not try. Each says so at its own end, which in several reports at once is easily overlooked.
export XLOUD_NOT_RUN=$cache/not-run.txt
rm -f "$XLOUD_NOT_RUN"

tell_what_was_not_run() {
  [ ! -s "$XLOUD_NOT_RUN" ] || { echo && echo 'NOT RUN HERE:' && sed 's/^/  /' "$XLOUD_NOT_RUN"; } >&2
}
trap tell_what_was_not_run EXIT

run_node_tests() {
  # One process for all files: a process per file would cost twenty times as much. It ends with its last test, whatever that left open.
  # Why a test failed is told at once on the standard error, and again in the report.
  node --disable-warning=ExperimentalWarning tools/run-tests.ts "$@"
}

# run_offline FILE: in a network of its own, where storage and those who use it find each other. The guest is built before, which
# takes the Internet.
run_offline() {
  node --disable-warning=ExperimentalWarning test/support/build-guest.ts || return
  XLOUD_TEST_SILENCE_S=1800 unshare --net -- node --disable-warning=ExperimentalWarning tools/run-tests.ts "$1"
}

# run_aside LOG COMMAND...: its report goes to a file, and the failures to the terminal too.
run_aside() {
  local log=$1
  shift
  : >"$log"
  "$@" >>"$log" 2> >(tee -a "$log" >&2)
}

# Files of test/functional that boot guests; that start programs (the service itself among them), once for those begun and killed by the
# hundred, several at once, or an operator's, and once for those that a client talks to; and the rest in two parts. Most of the first three is waiting
# for what they started; side by side the five are of about the same length.
PROGRAMS='support/(serve|xloud|keystone|placement-server|rabbitmq|cluster|browser|front|crash-end|openstack/[a-z]+)\.ts|(crash-users|upgrade)-child'
PROCESSES='/(crash|host-commands|cluster|processes|repeated-steps|resting-actions|deployments|bus-amqp|placement-|image-signatures|attack/)'
# What few guests have, and takes half of the time of all: only `libvirt` runs these.
RARE='libvirt-(backups|block-devices|contract|drift|firmware|kvm|limits|metrics|novacron|numa|profiles|virtio-mem|volume-roots)\.test\.ts$'
on_libvirt() { find test/functional -name '*.test.ts' \( -name 'libvirt*' -o -name 'guest*' \) | sort; }
without_guests() { find test/functional -name '*.test.ts' ! -name 'libvirt*' ! -name 'guest*' | sort; }
starting() { without_guests | xargs grep -lE "$PROGRAMS"; }
rest() { without_guests | xargs grep -LE "$PROGRAMS"; }
files_of() {
  case $1 in
    guests) on_libvirt | grep -vE "$RARE" ;;
    programs) starting | grep -E "$PROCESSES" ;;
    clients) starting | grep -vE "$PROCESSES" ;;
    half) rest | awk 'NR % 9 < 5' ;;
    others) rest | awk 'NR % 9 >= 5' ;;
  esac
}

case $what in
  unit)
    run_node_tests 'test/unit/**/*.test.ts'
    ;;
  libvirt)
    tools/packages.sh ensure host guest machines
    mapfile -t files < <(on_libvirt)
    run_node_tests "${files[@]}"
    ;;
  moves)
    tools/packages.sh ensure host guest machines mariadb rabbitmq
    # so many moves are one test
    export XLOUD_TEST_SILENCE_S=$((600 + ${XLOUD_MOVES:-10} * 120))
    # one file after another: each has two hosts of its own
    status=0
    for file in test/moves/*.test.ts; do run_node_tests "$file" || status=1; done
    exit $status
    ;;
  ovn)
    tools/packages.sh ensure host guest debian-guest machines ovn ovn-tests keystone neutron openstack mariadb rabbitmq
    status=0
    for file in test/ovn/*.test.ts; do run_node_tests "$file" || status=1; done
    exit $status
    ;;
  move-in)
    tools/packages.sh ensure host guest machines ovn ovn-tests keystone glance neutron nova placement cinder ceph iscsi mariadb rabbitmq
    status=0
    XLOUD_TEST_SILENCE_S=1800 run_node_tests test/movein/nova.test.ts || status=1
    run_offline test/movein/volumes.test.ts || status=1
    exit $status
    ;;
  cinder)
    tools/packages.sh ensure host guest keystone glance cinder ceph iscsi mariadb rabbitmq
    status=0
    for file in test/cinder/*.test.ts; do run_offline "$file" || status=1; done
    exit $status
    ;;
  kubernetes)
    tools/packages.sh ensure host guest kubernetes
    tools/kubernetes.sh build
    status=0
    for file in test/kubernetes/*.test.ts; do run_node_tests "$file" || status=1; done
    exit $status
    ;;
  crash)
    tools/packages.sh ensure mariadb
    XLOUD_CRASH=all XLOUD_TEST_SILENCE_S=3600 run_node_tests test/functional/crash{,-mariadb,-users}.test.ts
    ;;
  all)
    tools/packages.sh ensure host guest machines mariadb sqlite keystone glance barbican placement openstack oslo rabbitmq front browser prometheus
    export XLOUD_EXCHANGES=${XLOUD_EXCHANGES:-$cache/exchanges.jsonl}
    rm -f "$XLOUD_EXCHANGES"
    status=0
    streams=()
    for kind in guests programs clients half; do
      mapfile -t files < <(files_of "$kind")
      echo "tests: ${#files[@]} files ($kind) run beside the others; failures are told at once, their report at the end"
      run_aside "$cache/tests-$kind.log" run_node_tests "${files[@]}" &
      streams+=("$kind:$!")
    done
    # seeds that nobody ran before; what they find is printed with the command that shows it again
    echo "tests: a minute of simulation runs beside the others; failures are told at once, its report at the end"
    # it waits for nothing but the processor: whoever waits for a guest comes first, and silence is no sign that it hangs
    simulate() {
      renice -n 10 -p "$BASHPID" >/dev/null
      XLOUD_TEST_SILENCE_S=3600 run_node_tests 'test/sim/*.test.ts' &&
        tools/sim.sh --seconds 60 --jobs 1 --from "$(($(date +%s) % 1000000000))"
    }
    run_aside "$cache/tests-simulation.log" simulate &
    streams+=("simulation:$!")
    mapfile -t files < <(files_of others)
    run_node_tests 'test/unit/**/*.test.ts' "${files[@]}" || status=1
    for stream in "${streams[@]}"; do
      wait "${stream#*:}" || status=1
      echo "tests: ${stream%:*}"
      cat "$cache/tests-${stream%:*}.log"
    done
    node test/support/conformance.ts "$XLOUD_EXCHANGES" --whole || status=1
    exit $status
    ;;
  *)
    echo "usage: tools/test.sh all|unit|libvirt|moves|move-in|ovn|cinder|kubernetes|crash" >&2
    exit 2
    ;;
esac
