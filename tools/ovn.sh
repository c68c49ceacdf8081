#!/bin/bash
# Makes this machine carry networks by OVN: its databases and daemons, and Open vSwitch where libvirtd looks for it.
#
#   tools/ovn.sh [start]   install what is missing, start all of it beside libvirtd (tools/host.sh); safe to repeat
#   tools/ovn.sh stop      end exactly what start began
#   tools/ovn.sh status    what runs; status 0 if all of it does
#   tools/ovn.sh central DIR              only the databases and northd, with their sockets and files in DIR
#   tools/ovn.sh central DIR ADDRESS NB SB  the same, and for other machines over TLS: the Northbound one at ADDRESS:6641, for who has a
#                                         certificate of the authority in NB, the Southbound one at ADDRESS:6642, for chassis, of that in SB
#   tools/ovn.sh chassis DIR NAME REMOTE  only Open vSwitch (in /run/openvswitch) and ovn-controller, in the namespaces of the caller
#   tools/ovn.sh chassis DIR NAME REMOTE ENCAP-IP PKI  the same as one of several, with tunnels from ENCAP-IP; PKI/NAME.pem is who it is
#   tools/ovn.sh pki DIR NAME...          an authority in DIR, and a key and certificate for each name that has none yet
#   tools/ovn.sh end DIR                  end what runs by the pid files of DIR
#
# Of several hosts each has a certificate in its own name, and may then change in the Southbound database what is its own alone. Authorities
# of the two databases are two: a host has no business in the Northbound one.
#
# With systemd the switch is the distribution's openvswitch-switch.service; without (a container), it is started here, in the network
# namespace of the libvirtd that tools/host.sh started. Without the kernel's module the switch runs in user space, with TSO: enough for
# one host; tunnels between hosts then drop what is left to it to segment.
#
#   XLOUD_OVN_DIR      sockets, pid files, databases and logs   (/run/xloud-ovn)
#   XLOUD_OVN_CHASSIS  name of this chassis                     (xloud)
#   XLOUD_OVN_WIRES    physical networks and their bridges      (external:br-ex)
#   XLOUD_HOST_NETNS   as for tools/host.sh                     (xloud)
#
# Exit status: 0 all runs; 1 something does not; 3 this machine cannot have it (no root, or no apt).
set -euo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=tools/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

dir=${XLOUD_OVN_DIR:-/run/xloud-ovn}
chassis=${XLOUD_OVN_CHASSIS:-xloud}
netns=${XLOUD_HOST_NETNS-xloud}
wires=${XLOUD_OVN_WIRES-external:br-ex}
switch=/run/openvswitch

say() { echo "ovn: $*"; }
die() {
  local status=$1
  shift
  echo "ovn: $*" >&2
  exit "$status"
}

has_systemd() { [ -d /run/systemd/system ]; }

# runs PIDFILE: whether the daemon that wrote it still runs.
runs() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && [ -e "/proc/$pid/exe" ]
}

# launch NAME COMMAND...: a daemon with its pid file, its control socket and its log in $home, unless it runs.
launch() {
  local name=$1
  shift
  ! runs "$home/$name.pid" || return 0
  # ovn-controller has its control socket where OVN_RUNDIR says, and no option for it
  [ "$name" = controller ] || set -- "$@" --unixctl="$home/$name.ctl"
  "$@" -vconsole:off --pidfile="$home/$name.pid" --log-file="$home/$name.log" --detach --no-chdir ||
    die 1 "$name did not start; see $home/$name.log"
}

# pki DIR NAME...: what is there already stays, so that names can be added.
pki() {
  local home=$1 name
  shift
  mkdir -p "$home"
  local new=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch)
  # keys are nobody else's
  umask 077
  if [ ! -e "$home/ca.pem" ]; then
    openssl req -x509 "${new[@]}" -days 3650 -subj "/CN=xloud OVN authority" -keyout "$home/ca-key.pem" -out "$home/ca.pem" 2>/dev/null
  fi
  for name; do
    [[ "$name" =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ ]] || die 1 "$name is no name for a certificate"
    [ ! -e "$home/$name.pem" ] || continue
    openssl req "${new[@]}" -subj "/CN=$name" -keyout "$home/$name-key.pem" -out "$home/$name.csr" 2>/dev/null
    openssl x509 -req -in "$home/$name.csr" -CA "$home/ca.pem" -CAkey "$home/ca-key.pem" -CAcreateserial -days 3650 \
      -out "$home/$name.pem" 2>/dev/null
    rm "$home/$name.csr"
    say "certificate of $name: $home/$name.pem"
  done
}

# identity PKI NAME: the options that say who a daemon is, and whom it believes.
identity() { echo "--private-key=$1/$2-key.pem --certificate=$1/$2.pem --ca-cert=$1/ca.pem"; }

central() {
  local home=$1 address=${2:-} which tls
  mkdir -p "$home"
  export OVN_RUNDIR=$home OVN_LOGDIR=$home OVN_DBDIR=$home
  for which in nb sb; do
    [ -e "$home/$which.db" ] || ovsdb-tool create "$home/$which.db" "/usr/share/ovn/ovn-$which.ovsschema"
    tls=()
    if [ -n "$address" ]; then
      [ $which = nb ] && tls=(--remote="pssl:6641:$address") || tls=(--remote=db:OVN_Southbound,SB_Global,connections)
      # shellcheck disable=SC2207
      [ $which = nb ] && tls+=($(identity "$3" central)) || tls+=($(identity "$4" central))
    fi
    launch $which ovsdb-server "$home/$which.db" --remote="punix:$home/$which.sock" "${tls[@]}"
  done
  launch northd ovn-northd --ovnnb-db="unix:$home/nb.sock" --ovnsb-db="unix:$home/sb.sock"
  ovn-nbctl --db="unix:$home/nb.sock" --timeout=30 init
  ovn-sbctl --db="unix:$home/sb.sock" --timeout=30 init
  # a chassis changes what is its own, and nothing of others
  [ -z "$address" ] || ovn-sbctl --db="unix:$home/sb.sock" --timeout=30 set-connection role=ovn-controller "pssl:6642:$address"
}

has_module() { [ -d /sys/module/openvswitch ] || modprobe openvswitch 2>/dev/null; }

set_switch() { ovs-vsctl --db="unix:$switch/db.sock" --timeout=30 "$@"; }

# What ovn-controller reads there: who we are, whom to ask, how to build the bridge, and which bridge leads to the wire.
tell_switch() {
  local name=$1 remote=$2 encap=${3:-127.0.0.1} kind=system wire bridge
  has_module || kind=netdev
  set_switch --no-wait set Open_vSwitch . external_ids:system-id="$name" external_ids:ovn-remote="\"$remote\"" \
    external_ids:ovn-encap-type=geneve external_ids:ovn-encap-ip="$encap" \
    external_ids:ovn-bridge-datapath-type=$kind external_ids:ovn-bridge-mappings="\"$wires\""
  # read once, when the switch starts; tunnels drop what it leaves to them to segment
  [ $kind = system ] || [ "$encap" != 127.0.0.1 ] || set_switch --no-wait set Open_vSwitch . other_config:userspace-tso-enable=true
  for wire in ${wires//,/ }; do
    bridge=${wire#*:}
    set_switch --no-wait --may-exist add-br "$bridge" -- set Bridge "$bridge" datapath_type=$kind
  done
}

chassis() {
  local home=$1 name=$2 remote=$3 encap=${4:-} pki=${5:-} tls=()
  # shellcheck disable=SC2207
  [ -z "$pki" ] || tls=($(identity "$pki" "$name"))
  mkdir -p "$home" $switch
  export OVS_RUNDIR=$switch OVS_LOGDIR=$home OVS_DBDIR=$home OVN_RUNDIR=$home OVN_LOGDIR=$home
  [ -e "$home/conf.db" ] || ovsdb-tool create "$home/conf.db" /usr/share/openvswitch/vswitch.ovsschema
  launch conf ovsdb-server "$home/conf.db" --remote="punix:$switch/db.sock"
  set_switch --no-wait init
  tell_switch "$name" "$remote" "$encap"
  launch vswitchd ovs-vswitchd "unix:$switch/db.sock"
  set_switch set Open_vSwitch . external_ids:hostname="$(hostname)"
  launch controller ovn-controller "unix:$switch/db.sock" "${tls[@]}"
}

# end_all DIR: ends the daemons that have their pid files there, those that need others first.
end_all() {
  local home=$1 name pid tries
  for name in controller vswitchd conf northd sb nb; do
    runs "$home/$name.pid" || continue
    pid=$(cat "$home/$name.pid")
    kill "$pid"
    for ((tries = 0; tries < 100; tries++)); do
      [ -e "/proc/$pid/exe" ] || break
      sleep 0.1
    done
    [ ! -e "/proc/$pid/exe" ] || kill -9 "$pid"
    rm -f "$home/$name.pid"
    say "ended $name, pid $pid"
  done
}

start() {
  [ "$(id -u)" = 0 ] || die 3 'not root'
  ensure_packages ovn || exit $?
  central "$dir"
  say "databases and northd: unix:$dir/nb.sock"
  if has_systemd; then
    systemctl start openvswitch-switch
    tell_switch "$chassis" "unix:$dir/sb.sock"
    export OVN_RUNDIR=$dir OVN_LOGDIR=$dir
    local home=$dir
    launch controller ovn-controller "unix:$switch/db.sock"
  elif [ -n "$netns" ] && [ -e "/run/netns/$netns" ]; then
    nsenter "--net=/run/netns/$netns" "$0" chassis "$dir" "$chassis" "unix:$dir/sb.sock"
  else
    chassis "$dir" "$chassis" "unix:$dir/sb.sock"
  fi
  say "switch and ovn-controller of chassis $chassis, $(set_switch get Open_vSwitch . external_ids:ovn-bridge-datapath-type | tr -d '"')"
  say "what leads outside is the bridge br-ex${netns:+ in network namespace $netns}: an address on it, or a port in it, is the wire"
}

status() {
  local name down=0
  for name in nb sb northd controller; do
    if runs "$dir/$name.pid"; then say "$name: pid $(cat "$dir/$name.pid")"; else say "$name: does not run" && down=1; fi
  done
  if set_switch show >/dev/null 2>&1; then say "switch: answers on $switch/db.sock"; else say 'switch: does not answer' && down=1; fi
  return $down
}

case ${1:-start} in
start) start ;;
stop) end_all "$dir" ;;
status) status ;;
central) central "${@:2}" ;;
chassis) chassis "${@:2}" ;;
pki) pki "${@:2}" ;;
end) end_all "$2" ;;
*) sed -n '2,28s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
