#!/bin/bash
# A clean Debian 12 with systemd, an SSH server and nothing else, and beside it the packages that machines are told to install later: they
# have no way out. Kept in the cache: tools/install-test/base.sh prints its folder.
set -euo pipefail
cache=${XDG_CACHE_HOME:-$HOME/.cache}/xloud-compute
suite=bookworm
# what docs/installing.md installs of Debian's, and what our packages depend on and recommend
wanted=(mariadb-server rabbitmq-server python3-openstackclient curl openssl sqlite3 bash-completion qemu-utils)
# of these without what they recommend
bare=(qemu-utils dnsmasq-base genisoimage iproute2 libvirt-daemon-system procps qemu-system-x86 ovmf swtpm-tools python3-openstackclient curl)
# made anew when this file changes
base=$cache/debian-$(sha256sum "$0" | cut -c1-12)

. "$(dirname "$0")/../debian-sources.sh"

make_base() {
  local root=$base.new sources mirror
  # of the suite, its updates and its security
  sources=$(list_debian_sources | awk -v suite="$suite" '$3 == suite || index($3, suite "-") == 1')
  mirror=$(awk -v suite="$suite" '$3 == suite { print $2; exit }' <<<"$sources")
  [ -n "$mirror" ] || { echo "install-test: apt of this machine knows no source of Debian's $suite (apt-get update?)"; exit 1; }
  rm -rf "$root"
  mkdir -p "$cache"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,iproute2,openssh-server,openssh-client "$suite" "$root" "$mirror"
  echo "$sources" >"$root/etc/apt/sources.list"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  # nobody pulls the plug of a machine that lives for ten minutes
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/force-unsafe-io"
  chroot "$root" apt-get -qq update
  chroot "$root" apt-get -qq -y --download-only install "${wanted[@]}"
  chroot "$root" apt-get -qq -y --download-only --no-install-recommends install "${bare[@]}"
  # machines of a test know each other
  ssh-keygen -q -t ed25519 -N '' -f "$root/root/.ssh/id_ed25519" 
  cp "$root/root/.ssh/id_ed25519.pub" "$root/root/.ssh/authorized_keys"
  echo 'StrictHostKeyChecking accept-new' >"$root/root/.ssh/config"
  rm -f "$root/etc/resolv.conf"
  # whoever asks for a name gets an answer at once: there is none
  echo 'options attempts:1 timeout:1' >"$root/etc/resolv.conf"
  mv "$root" "$base"
}

mkdir -p "$cache"
exec 9>"$base.lock"
flock 9
[ -d "$base" ] || make_base >&2
echo "$base"
