#!/bin/bash
# Builds a real Debian guest from Debian's packages, as apt of this machine has them: kernel, systemd, cloud-init, guest agent, SSH.
# It is as a cloud's image is (nobody's key, nobody's name, no password), but small, and it needs no Internet: what the template
# web-server installs stands in a directory of packages in it (/srv/packages), the only source that its apt has.
#
#   tools/guest/debian.sh OUTDIR      debian.qcow2   a bootable disk (BIOS); its second partition grows with the disk
#   tools/guest/debian.sh --inputs    what the result depends on, one line each (for caches)
#
# Needs root (packages are configured in a chroot) and the packages of the group debian-guest (tools/packages.sh).
set -euo pipefail
umask 022
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin SOURCE_DATE_EPOCH=1704067200 TZ=UTC MTOOLS_SKIP_CHECK=1

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/guest/boot.sh
. "$here/boot.sh"
# shellcheck source=tools/debian-sources.sh
. "$here/../debian-sources.sh"
installed=(linux-image-cloud-amd64 systemd-sysv systemd-resolved udev dbus cloud-init qemu-guest-agent openssh-server isc-dhcp-client
  cloud-guest-utils fdisk e2fsprogs iproute2 iputils-ping netbase sudo busybox-static)
# what templates of ours install at a guest's first boot, beside what is there
offered=(nginx-light)
# what the kernel needs to have its root, and cloud-init to see a config drive before udev runs; udev loads the rest
modules=(virtio_pci virtio_blk virtio_scsi sd_mod ext4 ata_piix sr_mod)
boot_mib=64
root_mib=900

list_inputs() {
  (cd "$here" && sha256sum debian.sh boot.sh ../debian-sources.sh)
  local package
  for package in "${installed[@]}" "${offered[@]}"; do
    printf '%s %s\n' "$package" "$(apt-cache policy "$package" | awk '/Candidate/ { print $2 }')"
  done
}

install_debian() {
  local suite sources=$work/sources.list
  list_debian_sources >"$sources"
  [ -s "$sources" ] || fail "apt knows no packages of Debian (run 'apt-get update' if this is Debian)"
  suite=$(awk '{ print $3; exit }' "$sources")
  # the packages that are offered are fetched with those that they need and the system has not
  # shellcheck disable=SC2016
  mmdebstrap --quiet --mode=root --variant=minbase --include="$(IFS=, && echo "${installed[*]}")" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/i18n/*' \
    --customize-hook="APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG apt-get -qq --yes install --no-install-recommends --download-only ${offered[*]}" \
    --customize-hook='mkdir -p "$1/srv/packages" && mv "$1"/var/cache/apt/archives/*.deb "$1/srv/packages/"' \
    "$suite" "$root" "$sources" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail 'the packages cannot be installed'; }
}

# The directory of packages as a source of apt.
index_packages() {
  local deb
  for deb in "$root"/srv/packages/*.deb; do
    dpkg-deb -f "$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$(basename "$deb")" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
  done >"$root/srv/packages/Packages"
  rm -f "$root"/etc/apt/sources.list.d/*
  echo 'deb [trusted=yes] file:/srv/packages ./' >"$root/etc/apt/sources.list"
}

configure() {
  # what the first boot makes for each guest
  : >"$root/etc/machine-id"
  rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/hostname" "$root/var/lib/dbus/machine-id"
  ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
  echo 'LABEL=debian-root / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
  # interfaces that come later; those of the first boot cloud-init configures
  printf '[Match]\nType=ether\n\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/90-any.network"
  # what is not for a guest of tests, and costs an emulated processor seconds
  chroot "$root" systemctl --quiet enable systemd-networkd systemd-resolved
  chroot "$root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service \
    dpkg-db-backup.timer fstrim.timer systemd-tmpfiles-clean.timer getty@tty1.service
  cat >"$root/etc/cloud/cloud.cfg.d/99_guest.cfg" <<'END'
# its apt has one source, which is on its disk
apt: { preserve_sources_list: true }
locale: C.UTF-8
# an RSA key takes an emulated processor half a minute
ssh_genkeytypes: [ed25519]
END
}

# A ramdisk that mounts the root and goes there.
make_ramdisk() {
  local disk=$work/ramdisk
  mkdir -p "$disk"/{bin,dev,proc,sys,root}
  install -m755 "$root/bin/busybox" "$disk/bin/busybox"
  cat >"$disk/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
modprobe -a MODULES
# a disk may appear a moment after its driver
for wait in 0 1 2 3 4 5 6 7 8 9; do
  disk=$(findfs LABEL=debian-root) && break
  sleep 0.5
done
mount -t ext4 "$disk" /root || { echo 'no root here' >/dev/console; exec sh; }
umount /proc /sys
mount -o move /dev /root/dev
exec switch_root /root /sbin/init
END
  sed -i "s/MODULES/${modules[*]}/" "$disk/init"
  chmod 755 "$disk/init"
  copy_modules "$root" "$disk" "$kernel" "${modules[@]}"
  pack_ramdisk "$disk" "$work/initrd.img"
}

make_disk() {
  local disk=$work/disk.raw first=$((2048 + boot_mib * 2048))
  mv "$root/boot/vmlinuz-$kernel" "$work/vmlinuz"
  truncate -s $((1 + boot_mib + root_mib))M "$disk"
  make_boot_partition "$disk" $((boot_mib * 2048)) DEBIANBOOT 58474f32 "$work" "root=LABEL=debian-root console=tty0 console=ttyS0 $quick"
  # the file system is made aside and laid into its place: a mount would need a loop device
  rm -f "$root/boot"/*
  mkfs.ext4 -q -L debian-root -m 1 -d "$root" -E offset=$((first * 512)) "$disk" ${root_mib}M
  write_partition "$disk" 1 00 83 "$first" $((root_mib * 2048))
  qemu-img convert -f raw -O qcow2 -c "$disk" "$out/debian.qcow2"
}

case ${1:-} in
--inputs) list_inputs; exit ;;
'' | -*) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || fail 'not root'
need_tools mmdebstrap cpio gzip strip depmod modprobe mformat mcopy syslinux qemu-img dpkg-deb mkfs.ext4
mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
install_debian
kernel=$(basename "$root"/lib/modules/*)
index_packages
configure
make_ramdisk
make_disk
echo "guest: Debian $(cat "$root/etc/debian_version"), Linux $kernel"
(cd "$out" && stat -c 'guest: %n %s bytes' debian.qcow2)
