#!/bin/bash
# The Debian packages that the project's targets need, by group, and the one way to install them.
#
#   tools/packages.sh ensure GROUP...   install what is missing of these groups; starts no service
#   tools/packages.sh missing GROUP...  print what is missing, one a line; installs nothing
#   tools/packages.sh list              print the groups
#
# Other scripts source this file and call ensure_packages GROUP...
# Exit status: 0 all there, 3 something is missing and cannot be installed here (no root, no apt).

declare -A PACKAGE_GROUPS=(
  # a hypervisor host: libvirt, QEMU, networks with DHCP, config drives
  [host]='libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils dnsmasq-base iptables iproute2 genisoimage'
  # building and booting the test guests (kernel, busybox and agent are downloaded, not installed)
  [guest]='qemu-system-x86 qemu-utils genisoimage cpio gzip kmod mtools syslinux syslinux-common binutils'
  # building a Debian guest
  [debian-guest]='mmdebstrap e2fsprogs qemu-utils cpio gzip kmod mtools syslinux syslinux-common binutils'
  # what guests may have beside that: UEFI and secure boot, a TPM, machines of another architecture
  [machines]='ovmf swtpm swtpm-tools qemu-system-arm qemu-efi-aarch64'
  # networks of tenants: OVN's databases and daemons, the switch below them
  [ovn]='ovn-central ovn-host openvswitch-switch openssl'
  # what its tests send and see with
  [ovn-tests]='busybox-static openssh-client curl ethtool'
  [mariadb]='mariadb-server'
  # what work on volumes is done with, on hosts and elsewhere
  [volumes]='qemu-utils'
  # what operators back a SQLite file up with
  [sqlite]='sqlite3'
  [rabbitmq]='rabbitmq-server'
  # the identity service itself, run by tests from its own files; no cache daemon needed
  [keystone]='keystone'
  # the image service itself, likewise
  [glance]='glance-api'
  # the key manager itself, likewise
  [barbican]='barbican-api uwsgi-plugin-python3 openssl'
  # the network service itself, likewise
  [neutron]='neutron-server neutron-linuxbridge-agent'
  # the volume service itself, likewise, and what its volumes lie on: Ceph in user space, files behind an iSCSI target in user space
  [cinder]='cinder-api cinder-scheduler cinder-volume python3-pymysql qemu-utils qemu-block-extra'
  [ceph]='ceph-mon ceph-mgr ceph-osd ceph-common python3-rbd'
  [iscsi]='tgt qemu-block-extra'
  # the compute service itself with its placement, likewise: what servers are taken over from and handed back to
  [nova]='nova-api nova-conductor nova-scheduler nova-compute python3-libvirt placement-api python3-pymysql'
  # the placement service itself, likewise, and what the stock client asks it with
  [placement]='placement-api python3-pymysql python3-osc-placement'
  [openstack]='python3-openstackclient'
  # what operators put before the service, and what people look at it with
  [front]='nginx-light haproxy openssl'
  [browser]='chromium'
  # promtool, the judge of our alert rules
  [prometheus]='prometheus'
  # clocks that can be set for one process, and wires between network namespaces
  [chaos]='faketime iproute2 util-linux'
  # programs of newer releases than Debian's, in an environment of their own
  [venv]='python3-venv'
  # any Go: the module proxy has the release that is wanted
  [go]='golang-go'
  # beside an API server that is built: its store and its command
  [kubernetes]='etcd-server openssl'
  [kubectl]='kubernetes-client'
  # building Debian packages, and what judges them
  [packages]='debhelper dpkg-dev lintian'
  # trying them on clean machines: a root, and a systemd in it
  [install-test]='debootstrap systemd-container iproute2 util-linux'
  # OpenStack's dashboard, which is only run from its files
  [horizon]='openstack-dashboard python3-requests python3-yaml'
  # OpenStack's own integration tests
  [tempest]='tempest'
  # the judges of our policy engine and of our notifications
  [oslo]='python3-oslo.policy python3-oslo.messaging'
)

package_is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_packages() {
  local group package
  for group; do
    if [ -z "${PACKAGE_GROUPS[$group]:-}" ]; then
      echo "packages: no group '$group' (there are: ${!PACKAGE_GROUPS[*]})" >&2
      return 2
    fi
    for package in ${PACKAGE_GROUPS[$group]}; do
      package_is_installed "$package" || echo "$package"
    done
  done
}

# Maintainer scripts ask policy-rc.d whether they may start a service; while we install, the answer is no.
forbid_service_starts() {
  PACKAGES_POLICY=/usr/sbin/policy-rc.d
  if [ -x $PACKAGES_POLICY ]; then
    local answer=0
    $PACKAGES_POLICY any start >/dev/null 2>&1 </dev/null || answer=$?
    [ "$answer" != 101 ] || return 0
    mv $PACKAGES_POLICY $PACKAGES_POLICY.kept
  fi
  trap allow_service_starts EXIT
  printf '#!/bin/sh\nexit 101\n' >$PACKAGES_POLICY
  chmod 755 $PACKAGES_POLICY
}

allow_service_starts() {
  rm -f "${PACKAGES_POLICY:?}"
  if [ -e "$PACKAGES_POLICY.kept" ]; then mv "$PACKAGES_POLICY.kept" "$PACKAGES_POLICY"; fi
  trap - EXIT
}

# apt-get, quiet unless it fails; waits for another apt to finish.
quiet_apt() {
  local log
  log=$(mktemp)
  if ! DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# True where apt can find every given package in the lists it has.
apt_knows() {
  local package
  for package; do
    apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [^(]' || return 1
  done
}

install_packages() (
  if ! command -v apt-get >/dev/null; then
    echo "packages: this machine has no apt-get; install by hand: $*" >&2
    return 3
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "packages: not root; have somebody run: apt-get install $*" >&2
    return 3
  fi
  # a subshell, one at a time on this machine: two runs must not fight over policy-rc.d
  exec 9>/run/lock/xloud-packages
  flock 9
  forbid_service_starts
  apt_knows "$@" || quiet_apt update || return 3
  # lists that are too old name files that are gone: refresh them once
  quiet_apt install -y --no-install-recommends "$@" || { quiet_apt update && quiet_apt install -y --no-install-recommends "$@"; } || return 3
)

# ensure_packages GROUP... : one line per group, and status 3 if a group cannot be had.
ensure_packages() {
  local group missing started_s
  for group; do
    missing=$(missing_packages "$group") || return $?
    if [ -z "$missing" ]; then
      echo "packages: $group: all there"
      continue
    fi
    started_s=$SECONDS
    # shellcheck disable=SC2086
    install_packages $missing || return $?
    echo "packages: $group: installed $(echo "$missing" | tr '\n' ' ')in $((SECONDS - started_s)) s"
  done
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  case ${1:-} in
  ensure) shift && ensure_packages "$@" ;;
  missing) shift && missing_packages "$@" ;;
  list) for group in "${!PACKAGE_GROUPS[@]}"; do echo "$group: ${PACKAGE_GROUPS[$group]}"; done | sort ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0" && exit 2 ;;
  esac
fi
