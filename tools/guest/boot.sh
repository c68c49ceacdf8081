# shellcheck shell=bash
# What the images of both test guests have in common: a disk that BIOS boots from, made without root, a mount or a loop device.

# What lets the kernel be up sooner on an emulated processor (test/support/guest.ts says the same to one that is given along).
# shellcheck disable=SC2034
quick='quiet no_timer_check tsc=reliable mitigations=off nokaslr random.trust_cpu=on cryptomgr.notests'

fail() {
  echo "guest: $*" >&2
  exit 3
}

need_tools() {
  local tool
  for tool; do
    command -v "$tool" >/dev/null || fail "needs '$tool' (tools/packages.sh ensure guest)"
  done
}

le32() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)); }

# write_partition DISK INDEX ACTIVE TYPE START SECTORS: one entry of the partition table; ACTIVE is 80 or 00, TYPE two digits.
write_partition() {
  printf '%b' "\\x$3\\xfe\\xff\\xff\\x$4\\xfe\\xff\\xff$(le32 "$5")$(le32 "$6")" |
    dd of="$1" bs=1 seek=$((446 + 16 * $2)) conv=notrunc status=none
  printf '\x55\xaa' | dd of="$1" bs=1 seek=510 conv=notrunc status=none
}

# make_boot_partition DISK SECTORS LABEL SERIAL FOLDER APPEND: a FAT partition at 1 MiB of an image that is large enough, with syslinux,
# and vmlinuz and initrd.img of a folder, which gets the configuration too.
make_boot_partition() {
  local disk=$1 sectors=$2 label=$3 serial=$4 folder=$5 append=$6 start=2048 offset=$((2048 * 512)) mbr
  mbr=$(find /usr/lib/syslinux /usr/lib/SYSLINUX -name mbr.bin -print -quit 2>/dev/null)
  [ -n "$mbr" ] || fail "needs syslinux-common (mbr.bin)"
  mformat -i "$disk@@$offset" -T "$sectors" -h 64 -s 32 -H "$start" -N "$serial" -v "$label" ::
  {
    echo 'DEFAULT guest'
    echo 'PROMPT 0'
    echo 'LABEL guest'
    echo '  KERNEL vmlinuz'
    echo '  INITRD initrd.img'
    echo "  APPEND $append"
  } >"$folder/syslinux.cfg"
  touch -d "@$SOURCE_DATE_EPOCH" "$folder/vmlinuz" "$folder/initrd.img" "$folder/syslinux.cfg"
  mcopy -m -i "$disk@@$offset" "$folder/vmlinuz" "$folder/initrd.img" "$folder/syslinux.cfg" ::
  syslinux --install --offset "$offset" "$disk"
  dd if="$mbr" of="$disk" bs=440 count=1 conv=notrunc status=none
  write_partition "$disk" 0 80 0e "$start" "$sectors"
}

# pack_ramdisk ROOT FILE: what is below a folder, all of it root's, as an initial ramdisk.
pack_ramdisk() {
  find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  (cd "$1" && find . -print0 | sort -z | cpio --null --create --format=newc --reproducible --owner=0:0 --quiet) | gzip -n -6 >"$2"
}

# copy_modules FROM TO KERNEL MODULE...: kernel modules with those that they need, for busybox's modprobe; FROM empty: the machine's own.
copy_modules() {
  local from=$1 kernel=$3 to=$2/lib/modules/$3 file
  shift 3
  mkdir -p "$to"
  cp "$from/lib/modules/$kernel"/{modules.order,modules.builtin,modules.builtin.modinfo} "$to/"
  modprobe -d "${from:-/}" -S "$kernel" --show-depends -a "$@" | awk '$1 == "insmod" { print $2 }' | sort -u | while read -r file; do
    # without its signature, which an emulated processor would check for longer than it loads the rest
    install -D -m644 "$file" "$to/${file#*"/lib/modules/$kernel/"}"
    strip --strip-debug "$to/${file#*"/lib/modules/$kernel/"}"
  done
  depmod -b "${to%/lib/modules/*}" "$kernel"
  rm -f "$to"/*.bin # busybox reads the text tables
}
