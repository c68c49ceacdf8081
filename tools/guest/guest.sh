# shellcheck shell=sh disable=SC2034,SC2154
# What the guest's /init and its small event programs (power button, uevents, shutdown) have in common.

# say KIND text... : one line on every console, written whole so that lines of two programs do not mix.
say() {
  while read -r console; do
    printf 'xloud-guest %s\n' "$*" >"/dev/$console"
  done </run/consoles
}

find_consoles() {
  : >/run/consoles
  grep -q '^0: uart:[^u]' /proc/tty/driver/serial && echo ttyS0 >>/run/consoles
  [ -e /sys/class/tty/hvc0/dev ] && echo hvc0 >>/run/consoles
}

add_words() {
  for one in $1; do echo "$one"; done >>/run/words
}

# word NAME: prints the value of NAME=VALUE (empty for a bare NAME); fails where the word was not given.
word() {
  while read -r given; do
    case $given in
    "$1") return 0 ;;
    "$1="*) echo "${given#*=}"; return 0 ;;
    esac
  done </run/words
  return 1
}

uptime_s() {
  read -r up _ </proc/uptime
  echo "$up"
}

# count_cpus LIST: how many CPUs a kernel list such as "0-1,3" names.
count_cpus() {
  cpu_count=0
  saved_ifs=$IFS
  IFS=,
  for range in $1; do cpu_count=$((cpu_count + ${range#*-} - ${range%-*} + 1)); done
  IFS=$saved_ifs
}

online_count() {
  read -r list </sys/devices/system/cpu/online
  count_cpus "$list"
  echo "$cpu_count"
}

# Loads the driver of every device that is there, except those whose modalias matches the pattern $1.
# Twice, for the devices that are found behind the first ones (virtio behind PCI, disks behind controllers).
coldplug() {
  for pass in 1 2; do
    # shellcheck disable=SC2046
    modprobe -q -a $(sort -u /sys/bus/*/devices/*/modalias | grep -v "$1")
  done
  modprobe -q -a evdev isofs vfat nls_cp437 nls_ascii
}

# Brings up the CPUs that were plugged before the uevent listener started. Later ones come as events,
# so that a CPU which somebody took offline on purpose stays offline.
online_new_cpus() {
  for cpu in /sys/devices/system/cpu/cpu[0-9]*/online; do
    read -r state <"$cpu" && [ "$state" = 0 ] && echo 1 >"$cpu"
  done 2>/dev/null
}

# Memory that is plugged from now on is used, and that which was plugged before; as movable, so that it can be given back.
online_new_memory() {
  echo online_movable >/sys/devices/system/memory/auto_online_blocks
  for block in /sys/devices/system/memory/memory[0-9]*/state; do
    read -r state <"$block" && [ "$state" = offline ] && echo online_movable >"$block"
  done
} 2>/dev/null

# Run by busybox's uevent with the event in the environment.
on_uevent() {
  case $ACTION:$SUBSYSTEM in
  add:cpu) word noonline >/dev/null || echo 1 >"/sys$DEVPATH/online" ;;
  add:net) start_dhcp "${DEVPATH##*/}" ;;
  add:block) say_disk "${DEVPATH##*/}" ;;
  change:block) [ -n "$RESIZE" ] && say_disk "${DEVPATH##*/}" ;;
  remove:block | remove:net) say gone "kind=$SUBSYSTEM" "dev=${DEVPATH##*/}" ;;
  add:*)
    [ -n "$MODALIAS" ] || return 0
    case $MODALIAS in
    virtio:d00000005*) word noballoon >/dev/null && return 0 ;;
    esac
    modprobe -q "$MODALIAS"
    ;;
  esac
  return 0
}

say_disk() {
  case $1 in loop* | ram* | sr* | *[0-9]) return 0 ;; esac
  read -r sectors <"/sys/class/block/$1/size" || return 0
  serial=
  read -r serial <"/sys/class/block/$1/serial"
  say disk "dev=$1" "bytes=$((sectors * 512))" "serial=$serial"
} 2>/dev/null

start_dhcp() {
  case $1 in lo | '*') return 0 ;; esac
  mkdir "/run/dhcp-$1" 2>/dev/null || return 0
  read -r mac <"/sys/class/net/$1/address"
  hostname=
  [ -e /run/hostname ] && hostname=$(cat /run/hostname)
  ip link set "$1" up
  say nic "dev=$1" "mac=$mac"
  udhcpc -f -q -i "$1" -O staticroutes -t 5 -T 2 -A 5 -s /bin/on-dhcp ${hostname:+-x "hostname:$hostname"} >/dev/null 2>&1 &
}

# Nova's config drive, wherever it is (CD-ROM or disk), by its label.
read_config_drive() {
  tries=0
  until drive=$(findfs LABEL=config-2 2>/dev/null) || drive=$(findfs LABEL=CONFIG-2 2>/dev/null); do
    tries=$((tries + 1))
    # a drive on a slow controller may appear a moment after its driver
    [ "$tries" -lt 3 ] && sleep 0.2 && continue
    say config drive=none
    return 0
  done
  mount -o ro "$drive" /run/config || { say config "drive=$drive" unreadable; return 0; }
  config=/run/config/openstack/latest
  awk -f /lib/json.awk "$config/meta_data.json" >/run/meta
  value() { awk -F '\t' -v key="$1" '$1 == key { print $2; exit }' /run/meta; }
  value hostname >/run/hostname
  hostname -F /run/hostname
  say config "drive=$drive" "uuid=$(value uuid)" "hostname=$(value hostname)" "name=$(value name)"
  while IFS=$(printf '\t') read -r key text; do
    case $key in
    meta.xloud_guest) add_words "$text" ;;
    meta.*) say meta "${key#meta.}=$text" ;;
    public_keys.*) say key "${key#public_keys.}=$text" ;;
    esac
  done </run/meta
  if [ -e "$config/user_data" ]; then
    read -r first <"$config/user_data"
    say user_data "bytes=$(wc -c <"$config/user_data")" "sha256=$(sha256sum <"$config/user_data" | cut -d' ' -f1)"
    case $first in '#xloud-guest '*) add_words "${first#* }" ;; esac
  fi
  for file in network_data.json vendor_data.json vendor_data2.json; do
    [ -e "$config/$file" ] && say config_file "name=$file" "bytes=$(wc -c <"$config/$file")"
  done
  umount /run/config
}

# The image's own disk keeps a count of its boots: a reboot raises it, a rebuild starts it anew.
count_boot() {
  part=$(findfs LABEL=XLOUDGUEST 2>/dev/null) || return 0
  mkdir -p /run/disk
  mount -t vfat "$part" /run/disk 2>/dev/null || return 0
  boots=0
  [ -e /run/disk/boots ] && read -r boots </run/disk/boots
  boots=$((boots + 1))
  echo "$boots" >/run/disk/boots
  umount /run/disk
  say disk_boots "dev=$part" "boots=$boots"
}

start_agent() {
  [ -x /usr/sbin/qemu-ga ] || return 0
  for port in /sys/class/virtio-ports/*; do
    name=
    read -r name <"$port/name"
    [ "$name" = org.qemu.guest_agent.0 ] || continue
    setsid qemu-ga -m virtio-serial -p "/dev/${port##*/}" -t /run -f /run/qemu-ga.pid -l /run/qemu-ga.log &
    say agent "port=${port##*/}"
  done 2>/dev/null
}

# leave WHY ACTION: the one way down.
leave() {
  say down "why=$1" "up_s=$(uptime_s)"
  sync
  "$2" -f
}

start_timers() {
  seconds=$(word poweroff) && (sleep "$seconds"; leave timer poweroff) &
  seconds=$(word reboot) && (sleep "$seconds"; leave timer reboot) &
  seconds=$(word crash) && (
    sleep "$seconds"
    say crash
    echo c >/proc/sysrq-trigger
  ) &
}

start_hog() {
  mkdir -p /run/hog
  mount -t tmpfs -o "size=$1m" tmpfs /run/hog
  (
    dd if=/dev/urandom of=/run/hog/bytes bs=1M count="$1" 2>/dev/null
    say hog "mib=$(($(wc -c </run/hog/bytes) / 1048576))"
  ) &
}

say_status() {
  total=0 free=0 available=0
  while read -r key kib _; do
    case $key in
    MemTotal:) total=$kib ;;
    MemFree:) free=$kib ;;
    MemAvailable:) available=$kib; break ;;
    esac
  done </proc/meminfo
  read -r online </sys/devices/system/cpu/online
  read -r present </sys/devices/system/cpu/present
  read -r up _ </proc/uptime
  count_cpus "$present"
  present_count=$cpu_count
  count_cpus "$online"
  say status "seq=$1" "up_s=$up" "cpus=$cpu_count" "online=$online" "present_cpus=$present_count" "present=$present" \
    "mem_total_kib=$total" "mem_free_kib=$free" "mem_available_kib=$available"
}
