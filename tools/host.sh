#!/bin/bash
# Makes this machine a hypervisor host: libvirt and QEMU installed, and a libvirtd that answers.
#
#   tools/host.sh [start]        install what is missing and see to it that libvirtd runs; safe to repeat
#   tools/host.sh stop [--force] end exactly what start began (--force: also guests that still run)
#   tools/host.sh status         what runs and whose it is; status 0 if libvirtd answers
#
# With systemd it is the distribution's own libvirtd.service. Without (a container), libvirtd and
# virtlogd are started here as daemons; libvirtd gets a network namespace of its own, "xloud", so that
# the bridges, addresses and firewall rules of virtual networks never touch the machine's own network.
#
#   XLOUD_HOST_DIR    pid files, logs and marks of what was started   (/run/xloud-host)
#   XLOUD_HOST_NETNS  name of the namespace; empty: the machine's own network   (xloud)
#
# Exit status: 0 libvirtd answers; 1 it does not; 3 this machine cannot be a host (no root, or no apt).
set -euo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=tools/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

dir=${XLOUD_HOST_DIR:-/run/xloud-host}
netns=${XLOUD_HOST_NETNS-xloud}
socket=/run/libvirt/libvirt-sock
start_deadline_s=60

say() { echo "host: $*"; }
die() {
  local status=$1
  shift
  echo "host: $*" >&2
  exit "$status"
}

has_systemd() { [ -d /run/systemd/system ]; }

# virsh with a limit: a hung daemon must not hang us.
ask() { timeout 30 virsh --quiet --connect "qemu+unix:///system?socket=$socket" "$@"; }

answers() { [ -S $socket ] && ask version >/dev/null 2>&1; }

# our_pid NAME: the pid of the daemon NAME that we started, if it still is that program (a zombie has no root).
our_pid() {
  local pid
  pid=$(cat "$dir/$1.pid" 2>/dev/null) || return 1
  [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ] && stat -L "/proc/$pid/root" >/dev/null 2>&1 && echo "$pid"
}

# is_running NAME: whether any process of that name runs in our own file system.
is_running() {
  local comm
  for comm in /proc/[0-9]*/comm; do
    if [ "$(cat "$comm" 2>/dev/null)" = "$1" ] && [ "$(stat -Lc %d:%i "${comm%/comm}/root/run/libvirt" 2>/dev/null)" = "$(stat -c %d:%i /run/libvirt)" ]; then
      return 0
    fi
  done
  return 1
}

# The namespace is ours to remove only if the mark says that we made it.
make_network_namespace() {
  [ -n "$netns" ] || return 0
  # by its whole name: namespaces of guests' metadata begin with the same word
  if [ ! -e "/run/netns/$netns" ]; then
    ip netns add "$netns" || die 1 "cannot make the network namespace '$netns' (a container without SYS_ADMIN?);" \
      "XLOUD_HOST_NETNS= makes libvirtd use the machine's own network instead"
    touch "$dir/netns.made"
    say "made network namespace $netns"
  fi
  ip -n "$netns" link set lo up
}

# run_inside COMMAND...: the rest of `ip netns exec`, but for the control groups, which it would hide with the rest of /sys: without them
# no guest's share of the processors can be limited. Those that cannot be written to are of no use to libvirt and would stop it.
run_inside() {
  local groups=$dir/cgroup
  mkdir -p "$groups"
  mount --rbind /sys/fs/cgroup "$groups"
  mount -t sysfs sysfs /sys
  if is_writable_cgroup "$groups"; then mount --rbind "$groups" /sys/fs/cgroup; fi
  umount -l "$groups"
  [ ! -e /dev/kvm ] || runs_kernels_on_kvm || hide_kvm
  exec "$@"
}

# A /dev/kvm that libvirt's user may open and that gives QEMU no KVM makes libvirt ask QEMU anew at every call, for seconds each time; so nobody may
# open what stands there. It is a device, since libvirt moves nothing else into the guests' own /dev.
hide_kvm() {
  rm -f "$dir/no-kvm"
  mknod -m 000 "$dir/no-kvm" c 1 3
  mount --bind "$dir/no-kvm" /dev/kvm
}

is_writable_cgroup() {
  local group=$1
  [ ! -d "$1/cpu" ] || group=$1/cpu
  mkdir "$group/xloud-probe-$$" 2>/dev/null && rmdir "$group/xloud-probe-$$"
}

start_daemons() {
  mkdir -p "$dir" /run/libvirt
  make_network_namespace
  if ! is_running virtlogd; then
    rm -f /run/libvirt/virtlogd-sock # a dead one's
    virtlogd --daemon --pid-file "$dir/virtlogd.pid"
    say "started virtlogd, pid $(cat "$dir/virtlogd.pid")"
  fi
  {
    echo 'unix_sock_group = "libvirt"'
    echo 'unix_sock_rw_perms = "0770"'
    echo 'auth_unix_ro = "none"'
    echo 'auth_unix_rw = "none"'
    echo "log_outputs = \"3:file:$dir/libvirtd.log\""
    # where there is no DMI, libvirt would make up another host UUID at each start
    [ ! -s /etc/machine-id ] || echo 'host_uuid_source = "machine-id"'
  } >"$dir/libvirtd.conf"
  local inside=()
  [ -z "$netns" ] || inside=(nsenter "--net=/run/netns/$netns" unshare --mount --propagation slave "$0" inside)
  "${inside[@]}" libvirtd --daemon --config "$dir/libvirtd.conf" --pid-file "$dir/libvirtd.pid" ||
    die 1 "libvirtd did not start; see $dir/libvirtd.log"
  say "started libvirtd, pid $(cat "$dir/libvirtd.pid")${netns:+, in network namespace $netns}"
}

start_service() {
  local unit
  for unit in libvirtd.socket libvirtd.service; do
    systemctl cat "$unit" >/dev/null 2>&1 || continue
    systemctl is-active --quiet "$unit" && continue
    systemctl start "$unit" || die 1 "systemctl start $unit failed; see journalctl -u $unit"
    mkdir -p "$dir"
    echo "$unit" >>"$dir/units"
    say "started $unit"
  done
}

wait_for_answer() {
  local begun_s=$SECONDS
  until answers; do
    if ! has_systemd && ! our_pid libvirtd >/dev/null; then die 1 "libvirtd ended; see $dir/libvirtd.log"; fi
    [ $((SECONDS - begun_s)) -lt "$start_deadline_s" ] || die 1 "libvirtd does not answer on $socket after $start_deadline_s s"
    sleep 0.2
  done
}

# An ordinary kernel runs under KVM only with the processor's own virtualisation; /dev/kvm alone proves nothing.
runs_kernels_on_kvm() { grep -qwE 'vmx|svm' /proc/cpuinfo; }

kvm_state() {
  if [ ! -e /dev/kvm ]; then
    echo 'no (/dev/kvm is missing); guests run emulated'
  elif ! runs_kernels_on_kvm; then
    echo 'not for ordinary guests (/dev/kvm is there, but the processor shows neither vmx nor svm); guests run emulated'
  else
    echo 'looks usable (/dev/kvm, and the processor shows vmx or svm)'
  fi
}

tell() {
  local pid
  say "libvirt: $(ask version --daemon | sed -n 's/^Running against daemon: //p') on $socket"
  say "QEMU: $(ask version | sed -n 's/^Running hypervisor: QEMU //p')"
  say "KVM: $(kvm_state)"
  if pid=$(our_pid libvirtd); then
    say "libvirtd is ours: pid $pid, log $dir/libvirtd.log, end it with tools/host.sh stop"
  elif [ -e "$dir/units" ]; then
    say "started through systemd: $(sort -u "$dir/units" | tr '\n' ' ')"
  else
    say 'libvirtd was running already and is left as it is'
  fi
}

start() {
  # What is there is used, by whomever it was started, if this user may talk to it.
  if answers; then
    tell
    return
  fi
  [ "$(id -u)" = 0 ] || die 3 'not root: cannot install or start a hypervisor (the service can still run with its fake driver)'
  command -v apt-get >/dev/null || die 3 'no apt-get: install libvirt and QEMU by your own means (the service can still run with its fake driver)'
  mkdir -p "$dir" /run/lock
  exec 8>"$dir/lock"
  flock 8
  ensure_packages host || die 3 'the packages of a hypervisor host cannot be installed here'
  if ! answers; then
    # daemons must not inherit the lock
    if has_systemd; then start_service; else start_daemons 8>&-; fi
    wait_for_answer
  fi
  tell
}

# end_daemon NAME: ends our daemon of that name, and no other.
end_daemon() {
  local pid tries
  if pid=$(our_pid "$1"); then
    kill "$pid"
    for ((tries = 0; tries < 100; tries++)); do
      our_pid "$1" >/dev/null || break
      sleep 0.1
    done
    if our_pid "$1" >/dev/null; then kill -9 "$pid"; fi
    say "ended $1, pid $pid"
  fi
  rm -f "$dir/$1.pid"
}

clear_guests_and_networks() {
  local guest network guests
  guests=$(ask list --name | grep . || true)
  if [ -n "$guests" ]; then
    [ "${1:-}" = --force ] || die 1 "guests still run: $(echo "$guests" | tr '\n' ' '): delete them first, or stop --force"
    while read -r guest; do ask destroy "$guest" >/dev/null && say "destroyed guest $guest"; done <<<"$guests"
  fi
  ask net-list --name | grep . | while read -r network; do
    ask net-destroy "$network" >/dev/null && say "ended network $network"
  done || true
}

stop() {
  [ -d "$dir" ] || { say 'nothing was started'; return; }
  [ "$(id -u)" = 0 ] || die 3 'not root'
  local unit
  if [ -e "$dir/units" ]; then
    sort -ur "$dir/units" | while read -r unit; do systemctl stop "$unit" && say "stopped $unit"; done
    rm -f "$dir/units"
  fi
  if our_pid libvirtd >/dev/null && answers; then clear_guests_and_networks "$@"; fi
  end_daemon libvirtd
  end_daemon virtlogd
  if [ -e "$dir/netns.made" ]; then
    if [ -n "$(ip netns pids "$netns" 2>/dev/null)" ]; then
      say "network namespace $netns still has processes and stays: $(ip netns pids "$netns" | tr '\n' ' ')"
    else
      ip netns del "$netns" && rm -f "$dir/netns.made" && say "removed network namespace $netns"
    fi
  fi
}

case ${1:-start} in
start) start ;;
stop) shift && stop "$@" ;;
inside) shift && run_inside "$@" ;;
status) if answers; then tell; else die 1 "no libvirtd answers on $socket"; fi ;;
*) sed -n '2,16s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
