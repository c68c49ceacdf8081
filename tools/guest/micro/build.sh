#!/bin/bash
# Assembles the micro guest (see micro.S): tools/guest/micro/build.sh OUTDIR makes OUTDIR/micro, a
# multiboot kernel for QEMU's -kernel. Needs binutils only.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# = 1 ] || { sed -n '2,3s/^# //p' "$0"; exit 2; }
for tool in as ld; do
  command -v "$tool" >/dev/null || { echo "micro guest: needs '$tool' (tools/packages.sh ensure guest)" >&2; exit 3; }
done
mkdir -p "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
as --32 -o "$work/micro.o" "$here/micro.S"
quiet=()
if ld --help | grep -q -e --no-warn-rwx-segments; then quiet=(--no-warn-rwx-segments); fi # it is one segment on purpose
ld "${quiet[@]}" -m elf_i386 -static --omagic --build-id=none -Ttext=0x100000 --entry=_start --strip-all -o "$1/micro" "$work/micro.o"
stat -c 'micro guest: %n %s bytes' "$1/micro"
