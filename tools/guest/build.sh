#!/bin/bash
# Builds the small Linux guest that tests and the demo boot: a real kernel, busybox, the guest agent,
# and an /init that reports what the guest has. The same packages give the same bytes.
#
#   tools/guest/build.sh OUTDIR      vmlinuz, initrd.img   kernel and initial ramdisk (aki, ari)
#                                    guest.qcow2           the same two on a bootable disk (BIOS); also the ami
#   tools/guest/build.sh --ssh OUTDIR   the same with an SSH server and mke2fs: larger, and later up
#   tools/guest/build.sh --inputs    what the result depends on, one line each (for caches)
#
# Nothing of it needs root. Kernel, busybox and agent are taken from the machine where they are
# installed, else their Debian packages are downloaded and unpacked aside; nothing is installed.
set -euo pipefail
umask 022
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin SOURCE_DATE_EPOCH=1704067200 TZ=UTC MTOOLS_SKIP_CHECK=1

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/guest/boot.sh
. "$here/boot.sh"
scripts=(init guest.sh json.awk on-dhcp on-power on-uevent shutdown chpasswd)
modules=(virtio_pci virtio_blk virtio_net virtio_console virtio_balloon virtio_mem virtio-rng virtio_scsi
  sd_mod sr_mod ata_piix isofs vfat nls_cp437 nls_ascii button evdev pvpanic-pci pvpanic-mmio)
ssh_scripts=(start-ssh fetch-key sudo lsblk blkid curl)
disk_mib=48
ssh=

# Sets: sysroot (a folder with kernel, modules, busybox and agent), kernel (its version).
find_sysroot() {
  kernel=$(basename -a /lib/modules/*-cloud-amd64 2>/dev/null | sort -V | tail -n 1)
  if [ -r "/boot/vmlinuz-$kernel" ] && [ -x /usr/sbin/qemu-ga ] && busybox_is_static /bin/busybox &&
    { [ -z "$ssh" ] || [ -x /usr/sbin/dropbear ]; }; then
    sysroot=
    return
  fi
  command -v apt-get >/dev/null || fail "needs Debian's linux-image-cloud-amd64, busybox-static and qemu-guest-agent"
  unpack_packages
  kernel=$(basename -a "$sysroot"/lib/modules/*-cloud-amd64 | sort -V | tail -n 1)
}

busybox_is_static() {
  [ -x "$1" ] && ! head -c 4096 "$1" | grep -aq ld-linux && "$1" --list | grep -qx uevent
}

unpack_packages() {
  local image programs packages
  image=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '$1 == "Depends:" && $2 ~ /^linux-image/ { print $2; exit }')
  [ -n "$image" ] || fail "apt knows no linux-image-cloud-amd64 (Debian only; run 'apt-get update' if this is Debian)"
  # shellcheck disable=SC2046
  programs=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances qemu-guest-agent $([ -z "$ssh" ] || echo dropbear-bin e2fsprogs) | grep -E '^[a-z0-9]' | grep -v -e '^debconf' -e '^lsb-base' -e ':i386$')
  packages="$image busybox-static $programs"
  sysroot=$work/sysroot
  mkdir -p "$sysroot" "$work/debs"
  # shellcheck disable=SC2086
  (cd "$work/debs" && apt-get -qq download $packages) 2>"$work/apt.log" || { cat "$work/apt.log" >&2; fail "download failed"; }
  for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$sysroot"; done
  depmod -b "$sysroot" "$(basename "$sysroot"/lib/modules/*)" 2>/dev/null
}

list_inputs() {
  (cd "$here" && sha256sum build.sh boot.sh "${scripts[@]}" "${ssh_scripts[@]/#/ssh/}")
  local package
  for package in linux-image-cloud-amd64 busybox-static qemu-guest-agent syslinux libc6 dropbear-bin e2fsprogs; do
    printf '%s %s\n' "$package" "$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || apt-cache policy "$package" | awk '/Candidate/ { print $2 }')"
  done
}

# copy_program ROOT PATH: a program with every library it is linked to, and the loader.
copy_program() {
  local libs=$1/lib/x86_64-linux-gnu loader=$sysroot/lib64/ld-linux-x86-64.so.2
  mkdir -p "$libs" "$1/lib64" "$1/usr/sbin"
  install -m755 "$sysroot$2" "$1/usr/sbin/"
  [ -e "$loader" ] || loader=$sysroot/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
  "$loader" --library-path "$sysroot/lib/x86_64-linux-gnu:$sysroot/usr/lib/x86_64-linux-gnu" --list "$sysroot$2" |
    awk '$2 == "=>" { print $3 }' | sort -u | while read -r lib; do
    install -m755 "$(readlink -f "$lib")" "$libs/$(basename "$lib")"
  done
  install -m755 "$(readlink -f "$loader")" "$1/lib64/ld-linux-x86-64.so.2"
}

# What lets people in.
add_ssh() {
  mkdir -p "$1/mnt"
  copy_program "$1" /usr/sbin/dropbear
  copy_program "$1" "$(cd "$sysroot/" && find usr/sbin sbin -maxdepth 1 -name mke2fs -printf '/%p\n' | head -n 1)"
  ln -s ../proc/mounts "$1/etc/mtab"
  (cd "$1/bin" && rm -f "${ssh_scripts[@]}") # of busybox
  install -m755 "${ssh_scripts[@]/#/$here/ssh/}" "$1/bin/"
}

make_initrd() {
  local root=$work/root applet
  mkdir -p "$root"/{bin,sbin,lib,proc,sys,dev,run,tmp,var,etc/acpi/PWRF}
  ln -s ../run "$root/var/run"
  install -m755 "$sysroot/bin/busybox" "$root/bin/busybox"
  "$root/bin/busybox" --list | grep -vx busybox | while read -r applet; do ln -s busybox "$root/bin/$applet"; done
  install -m755 "$here/init" "$root/init"
  install -m644 "$here/guest.sh" "$here/json.awk" "$root/lib/"
  install -m755 "$here/on-dhcp" "$here/on-uevent" "$root/bin/"
  install -m755 "$here/on-power" "$root/etc/acpi/PWRF/00000080"
  install -m755 "$here/shutdown" "$here/chpasswd" "$root/sbin/"
  ln -s ../bin/busybox "$root/sbin/hwclock" # where the agent looks for it
  echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
  echo 'root:*:19000:0:99999:7:::' >"$root/etc/shadow"
  echo 'root:x:0:' >"$root/etc/group"
  copy_program "$root" /usr/sbin/qemu-ga
  [ -z "$ssh" ] || add_ssh "$root"
  copy_modules "$sysroot" "$root" "$kernel" "${modules[@]}"
  pack_ramdisk "$root" "$out/initrd.img"
}

# One FAT partition with syslinux.
make_disk() {
  local disk=$work/disk.raw
  truncate -s "${disk_mib}M" "$disk"
  cp "$out/vmlinuz" "$out/initrd.img" "$work/"
  make_boot_partition "$disk" $((disk_mib * 2048 - 2048)) XLOUDGUEST 58474f31 "$work" "console=tty0 console=ttyS0 $quick"
  qemu-img convert -f raw -O qcow2 -c "$disk" "$out/guest.qcow2"
}

case ${1:-} in
--inputs) list_inputs; exit ;;
--ssh) ssh=yes; shift ;;
'' | -*) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
need_tools cpio gzip strip depmod modprobe mformat mcopy syslinux qemu-img dpkg-deb
mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find_sysroot
install -m644 "$sysroot/boot/vmlinuz-$kernel" "$out/vmlinuz"
make_initrd
make_disk
echo "guest: Linux $kernel, from $([ -n "$sysroot" ] && echo downloaded packages || echo "this machine's packages")"
(cd "$out" && stat -c 'guest: %n %s bytes' vmlinuz initrd.img guest.qcow2)
