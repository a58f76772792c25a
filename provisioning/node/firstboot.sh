#!/bin/sh
# firstboot.sh os|join|unit: makes a machine that was started from our card a node. Settings are in node.env on the boot partition.
#   os     root grown, name, person, Wi-Fi, address, time zone: only where an image's own first boot does not do that
#   join   the release unpacked, what is missing installed, the agent set up and started; keeps itself as a service until that is done
#   unit   prints that service
# Power may be cut at any point: each step is done again, or seen to be done. What went wrong stands in status.txt beside node.env.
set -u
LC_ALL=C
export LC_ALL
tree=${BRAMBLE_TREE:-} # of tests: a root that is not this machine's
state=$tree/var/lib/bramble
opt=$tree/opt/bramble
token=$state/join-token
kept=$state/card.env # node.env without the token, in case the boot partition is damaged by a cut
member=$state/agent/identity/node.crt
self=$tree/usr/lib/bramble/firstboot.sh
join_unit=bramble-firstboot-join.service

# sync of old has no paths
settle() { sync "$@" 2>/dev/null || sync; }
keep() { # FILE MODE, the text on stdin; its folder is there; nothing is written when nothing changed
  part=${1%/*}/.${1##*/}.part
  rm -f "$part"
  (umask 077 && cat >"$part") || return
  chmod "$2" "$part" || return
  if cmp -s "$part" "$1"; then rm -f "$part"; else settle "$part" && mv -f "$part" "$1" && settle "${1%/*}"; fi
}

# Lines KEY='value', never executed.
all_of() { sed -n "s/^$1='\([^']*\)'\$/\1/p" "$settings"; }
value_of() { all_of "$1" | tail -n 1; }

tell() { # STEP TEXT, for people
  echo "bramble: $1: $2"
  status=$card/status.txt
  [ "$(tail -n 1 "$status" 2>/dev/null | cut -d ' ' -f 2-)" != "$1 $2" ] || return 0
  [ "$(wc -c <"$status" 2>/dev/null || echo 0)" -lt 16000 ] || : >"$status"
  read -r up _ </proc/uptime
  echo "${up%.*} $1 $2" >>"$status" && settle "$status"
} 2>/dev/null # a boot partition that cannot be written stops nothing

led() { # TRIGGER [DELAY]
  for name in ACT led0 act status PWR; do
    [ -w "$tree/sys/class/leds/$name/trigger" ] || continue
    echo "$1" >"$tree/sys/class/leds/$name/trigger"
    for delay in delay_on delay_off; do [ $# = 1 ] || echo "$2" >"$tree/sys/class/leds/$name/$delay"; done
    return
  done
}

fail() { # WHAT IS WRONG AND WHAT TO DO
  led timer 125
  tell failed "$*"
  exit 1
}

# The settings are kept first, then the token, and only then is it taken off the card.
adopt() {
  mkdir -p "$state" || fail 'the root file system cannot be written: is the card full or worn out?'
  format=$(tr -d '\r' <"$card/node.env" | sed -n "s/^FORMAT='\([^']*\)'\$/\1/p")
  case $format in
    1)
      tr -d '\r' <"$card/node.env" | sed '/^TOKEN=/d; /^#/d' | keep "$kept" 600 || fail 'the settings of the card cannot be kept: is the card full?'
      given=$(tr -d '\r' <"$card/node.env" | sed -n "s/^TOKEN='\([^']*\)'\$/\1/p" | tail -n 1)
      if [ -n "$given" ] && [ ! -e "$member" ]; then
        echo "$given" | keep "$token" 600 || fail 'the token cannot be kept: is the card full?'
      fi
      wipe
      [ -z "$given" ] || tell token-stored 'the token is off the boot partition'
      ;;
    '') [ -e "$kept" ] || fail 'node.env on the boot partition is damaged: flash the card again' ;;
    *) fail "node.env on the boot partition has the format $format, and this image knows 1: flash the card with the bramble that made the image" ;;
  esac
  settings=$kept
}

# The token is written over where it stands, as long as it was: nothing else on the partition changes, and a cut leaves a file whose
# remains are found the next time.
wipe() {
  [ -e "$token" ] || [ -e "$member" ] || return 0
  wiped=$tree/run/bramble-firstboot.env
  (umask 077 && sed '/^TOKEN=/s/./#/g; /^##/s/./#/g' "$card/node.env" >"$wiped") || return
  cmp -s "$wiped" "$card/node.env" || dd if="$wiped" of="$card/node.env" conv=notrunc,fsync 2>/dev/null
  rm -f "$wiped"
}

# ---------------------------------------------------------------- os

# To the end of the card; what was cut short is found by its size.
grow() {
  [ -z "$tree" ] || return 0
  device=$(readlink -f "$(findmnt -no SOURCE /)")
  block=/sys/class/block/${device##*/}
  [ -e "$block/partition" ] && [ "$(findmnt -no FSTYPE /)" = ext4 ] || return 0
  disk=$(readlink -f "$block/..")
  before=$(df -Pk / | awk 'END { print $2 }')
  left=$(($(cat "$disk/size") - $(cat "$block/start") - $(cat "$block/size")))
  if [ "$left" -gt 65536 ]; then # sectors: 32 MiB
    number=$(cat "$block/partition")
    echo ', +' | sfdisk --quiet --no-reread --no-tell-kernel -N "$number" "/dev/${disk##*/}" >/dev/null 2>&1 &&
      partx --update --nr "$number" "/dev/${disk##*/}"
  fi
  resize2fs "$device" >/dev/null 2>&1 || tell root-grown 'no: the root keeps its size; see "journalctl -u bramble-firstboot"'
  after=$(df -Pk / | awk 'END { print $2 }')
  [ "$after" -le "$before" ] || tell root-grown "to $((after / 1024)) MiB"
}

hostname_wanted() {
  name=$(value_of HOSTNAME)
  serial=$(tr -d '\0' 2>/dev/null <"$tree/sys/firmware/devicetree/base/serial-number")
  [ -n "$serial" ] || serial=$(cat "$tree/etc/machine-id" 2>/dev/null)
  printf '%s\n' "${name:-bramble-$(printf %s "$serial" | tail -c 8 | tr A-F a-f)}"
}

identity() {
  name=$(hostname_wanted)
  echo "$name" | keep "$tree/etc/hostname" 644
  [ -n "$tree" ] || hostname "$name"
  { sed '/^127\.0\.1\.1[[:space:]]/d' "$tree/etc/hosts" 2>/dev/null; echo "127.0.1.1 $name"; } | keep "$tree/etc/hosts" 644
  user=$(value_of USER)
  if [ -n "$user" ]; then
    grep -q "^$user:" "$tree/etc/passwd" ||
      useradd ${tree:+--root "$tree"} --create-home --shell /bin/bash --groups sudo "$user" ||
      tell identity "the user $user cannot be made"
    echo "$user ALL=(ALL) NOPASSWD: ALL" | keep "$tree/etc/sudoers.d/bramble" 440
  fi
  # keys only: nobody has a password
  home=$(awk -F : -v user="${user:-root}" '$1 == user { print $6 }' "$tree/etc/passwd")
  if [ -n "$home" ] && [ -n "$(all_of SSH_KEY)" ]; then
    mkdir -p "$tree$home/.ssh"
    chmod 700 "$tree$home/.ssh"
    { cat "$tree$home/.ssh/authorized_keys" 2>/dev/null; all_of SSH_KEY; } | sort -u | keep "$tree$home/.ssh/authorized_keys" 600
    owner=$(awk -F : -v user="${user:-root}" '$1 == user { print $3 ":" $4 }' "$tree/etc/passwd")
    chown -R "$owner" "$tree$home/.ssh"
  fi
  zone=$(value_of TIMEZONE)
  if [ -n "$zone" ] && [ -e "$tree/usr/share/zoneinfo/$zone" ]; then
    ln -sfn "/usr/share/zoneinfo/$zone" "$tree/etc/.localtime.part" && mv -fT "$tree/etc/.localtime.part" "$tree/etc/localtime"
    echo "$zone" | keep "$tree/etc/timezone" 644
  fi
  tell identity "this is $name"
}

# systemd-networkd as in our image; ifupdown as in Debian's own images for the Pi
network() {
  ssid=$(value_of WIFI_SSID_HEX)
  address=$(value_of ADDRESS)
  device=eth0
  [ -z "$ssid" ] || device=wlan0
  if [ -n "$ssid" ]; then
    wifi_settings | keep "$tree/etc/wpa_supplicant/wpa_supplicant-wlan0.conf" 600
    rm -f "$tree"/var/lib/systemd/rfkill/*:wlan
    [ -n "$tree" ] || rfkill unblock wifi 2>/dev/null
  fi
  if [ -e "$tree/etc/systemd/network/20-wired.network" ]; then
    # by udev: a board whose Wi-Fi is not there must not wait for it at each boot
    [ -z "$ssid" ] || keep "$tree/etc/udev/rules.d/70-bramble-wifi.rules" 644 <<'RULE'
ACTION=="add", SUBSYSTEM=="net", KERNEL=="wlan0", TAG+="systemd", ENV{SYSTEMD_WANTS}+="wpa_supplicant@wlan0.service"
RULE
    [ -z "$address" ] || networkd_address | keep "$tree/etc/systemd/network/05-bramble.network" 644
  elif [ -d "$tree/etc/network/interfaces.d" ] && [ -n "$ssid$address" ]; then
    rm -f "$tree/etc/network/interfaces.d/$device" # the image's own, by DHCP
    ifupdown_address | keep "$tree/etc/network/interfaces.d/bramble" 644
  fi
  tell network-config "${ssid:+Wi-Fi, }${address:-address by DHCP}"
}

wifi_settings() {
  psk=$(value_of WIFI_PSK_HEX)
  country=$(value_of WIFI_COUNTRY)
  echo 'ctrl_interface=DIR=/run/wpa_supplicant'
  [ -z "$country" ] || echo "country=$country"
  echo 'network={'
  echo "  ssid=$ssid"
  [ "$(value_of WIFI_HIDDEN)" != 1 ] || echo '  scan_ssid=1'
  if [ -n "$psk" ]; then printf '  psk=%s\n  key_mgmt=WPA-PSK WPA-PSK-SHA256\n  ieee80211w=1\n' "$psk"; else echo '  key_mgmt=NONE'; fi
  echo '}'
}

networkd_address() {
  if [ "$device" = wlan0 ]; then match='wl*'; else match='en* eth*'; fi
  printf '[Match]\nName=%s\n\n[Network]\nMulticastDNS=yes\nAddress=%s\n' "$match" "$address"
  [ -z "$(value_of GATEWAY)" ] || echo "Gateway=$(value_of GATEWAY)"
  value_of DNS | tr , '\n' | sed '/./s/^/DNS=/'
}

ifupdown_address() {
  [ "$device" = eth0 ] && echo 'allow-hotplug eth0' || echo 'allow-hotplug wlan0'
  if [ -z "$address" ]; then echo "iface $device inet dhcp"; else printf 'iface %s inet static\n  address %s\n' "$device" "$address"; fi
  [ -z "$address" ] || [ -z "$(value_of GATEWAY)" ] || echo "  gateway $(value_of GATEWAY)"
  [ -z "$address" ] || [ -z "$(value_of DNS)" ] || echo "  dns-nameservers $(value_of DNS | tr , ' ')"
  [ "$device" = eth0 ] || echo '  wpa-conf /etc/wpa_supplicant/wpa_supplicant-wlan0.conf'
}

# ---------------------------------------------------------------- join

# A service of its own: an image's first-boot tool runs once, whatever comes of it.
arm() {
  { mkdir -p "${self%/*}" && keep "$self" 755 <"$0"; } || fail 'the root file system cannot be written: is the card full?'
  unit=$tree/etc/systemd/system/$join_unit
  [ ! -e "$unit" ] || [ ! -L "${unit%/*}/multi-user.target.wants/$join_unit" ] || return 0
  {
    mkdir -p "${unit%/*}/multi-user.target.wants" && unit_text | keep "$unit" 644 &&
      ln -sfn "../$join_unit" "${unit%/*}/multi-user.target.wants/$join_unit" && settle "${unit%/*}/multi-user.target.wants"
  } || fail 'the root file system cannot be written: is the card full?'
  [ -n "$tree" ] || systemctl daemon-reload
}

unit_text() {
  cat <<'UNIT'
[Unit]
Description=Bramble brings this machine into its cluster
After=network.target bramble-firstboot.service
ConditionPathExists=|/boot/firmware/bramble/node.env
ConditionPathExists=|/boot/bramble/node.env

[Service]
Type=exec
ExecStart=/usr/lib/bramble/firstboot.sh join
Restart=on-failure
RestartSec=20
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=multi-user.target
UNIT
}

release() {
  file=$(value_of BUNDLE)
  if [ -z "$file" ]; then
    [ -x "$opt/agent/current/bin/bramble" ] || fail 'this card brings no release of bramble, and the image has none: flash it again with --bundle'
    version=$(readlink "$opt/agent/current")
    version=${version##*/}
  else
    unpack
  fi
  mkdir -p "$opt/agent" "$tree/usr/local/bin"
  if [ "$(readlink "$opt/agent/current")" != "../releases/$version" ]; then
    ln -sfn "../releases/$version" "$opt/agent/.current.part" && mv -fT "$opt/agent/.current.part" "$opt/agent/current" && settle "$opt/agent"
  fi
  keep "$opt/launcher" 755 <"$opt/releases/$version/share/launcher" || fail "$file is no release of bramble: share/launcher is missing"
  command_text | keep "$tree/usr/local/bin/bramble" 755
  tell bundle "bramble $version is unpacked"
}

unpack() { # of $file; sets $version
  version=${file#bramble-}
  version=${version%-linux-*}
  machine=${BRAMBLE_MACHINE:-$(uname -m)}
  case $machine:$file in
    aarch64:*-linux-arm64.tar.* | x86_64:*-linux-x64.tar.*) ;;
    *) fail "$file does not run on this machine ($machine): flash the card with the bundle for it, and with a 64-bit image" ;;
  esac
  [ ! -e "$opt/releases/$version" ] || return 0
  [ -s "$card/$file" ] || fail "$file is missing on the boot partition: flash the card again"
  echo "$(value_of BUNDLE_SHA256)  $card/$file" | sha256sum --check --status 2>/dev/null ||
    fail "$file is damaged (its checksum is another): flash the card again; if that happens twice, take another card"
  part=$opt/releases/.$version.part
  rm -rf "$part"
  {
    mkdir -p "$part" && tar -xzf "$card/$file" -C "$part" --strip-components=1 --no-same-owner && settle -f "$part" &&
      mv -T "$part" "$opt/releases/$version" && settle "$opt/releases"
  } || fail "$file cannot be unpacked: is the card full? A card of 4 GB or more is needed"
}

command_text() {
  cat <<'COMMAND'
#!/bin/sh
for slot in agent server; do
  bramble=/opt/bramble/$slot/current/bin/bramble
  [ ! -x "$bramble" ] || exec "$bramble" "$@"
done
echo 'bramble: there is no release in /opt/bramble; install one with install.sh' >&2
exit 127
COMMAND
}

has() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1; }

# Our image has them all. Others need the network, for as long as that takes; not the right time.
packages() {
  runtime=$(value_of RUNTIME)
  missing=
  case $runtime in
    containerd) has containerd || missing='containerd runc' ;;
    podman) has podman || missing='podman crun' ;;
    *) has podman || has containerd || missing='podman crun' ;;
  esac
  has iptables || missing="$missing iptables"
  has conntrack || missing="$missing conntrack"
  [ -e "$tree/usr/lib/cni/bridge" ] || [ -e "$opt/agent/current/lib/cni/bridge" ] || missing="$missing containernetworking-plugins"
  [ -n "$missing" ] || return 0
  has apt-get || fail "these are missing and this is no Debian: $missing; install them, then start the machine again"
  until [ -n "$(ip route show default)" ]; do
    tell network 'waiting for a network: is the cable plugged in, are name and passphrase of the Wi-Fi right?'
    sleep 5
  done
  tell packages "installing $missing"
  export DEBIAN_FRONTEND=noninteractive
  dpkg --configure -a >/dev/null 2>&1 # what a cut left behind
  # shellcheck disable=SC2086 # several words
  {
    apt-get -qq -o Acquire::Check-Date=false -o Acquire::Check-Valid-Until=false update &&
      apt-get -qq -y -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold install --no-install-recommends $missing
  } || fail "these Debian packages cannot be installed: $missing; is deb.debian.org reachable? It is tried again"
}

# Container images that came on the card.
preloaded() {
  for file in "$card"/images/*.tar*; do
    target=$state/images/${file##*/}
    if [ ! -e "$file" ] || [ -e "$target" ]; then continue; fi
    mkdir -p "$state/images"
    part=$state/images/.${file##*/}.part
    { cp "$file" "$part" && settle "$part" && mv "$part" "$target" && settle "$state/images"; } ||
      fail "the images of ${file##*/} cannot be copied: is the card full?"
  done
}

enrol() {
  server=$(value_of SERVER)
  [ -e "$token" ] || [ -e "$member" ] || fail 'there is no join token: make one with "bramble token create", write it to node.env as TOKEN, or flash the card again'
  set -- join --no-start --server "$server" --token-file "$token"
  [ -e "$token" ] || set -- join --no-start --server "$server"
  [ -z "$(value_of STREAM_PORT)" ] || set -- "$@" --stream-port "$(value_of STREAM_PORT)"
  [ -z "$(value_of RUNTIME)" ] || set -- "$@" --runtime "$(value_of RUNTIME)"
  [ -z "$(value_of METERED)" ] || set -- "$@" --metered
  for label in $(value_of LABELS | tr , ' '); do set -- "$@" --label "$label"; done
  for taint in $(value_of TAINTS | tr , ' '); do set -- "$@" --taint "$taint"; done
  said=$("$opt/agent/current/bin/bramble" "$@" 2>&1) || fail "$(printf '%s\n' "$said" | tail -n 1)"
  [ -n "$tree" ] || systemctl start --no-block bramble-agent.service bramble-shutdown.service || fail 'the agent cannot be started: see "systemctl status bramble-agent"'
  tell agent-started "it goes to $server"
}

# ---------------------------------------------------------------- main

for card in "$tree/boot/firmware/bramble" "$tree/boot/bramble"; do [ ! -e "$card/node.env" ] || break; done

begin() {
  [ -e "$card/node.env" ] || exit 0
  # the agent left the name alone: this machine has joined
  grep -q "^[A-Z_]*=" "$card/node.env" && ! grep -qv "^HOSTNAME=\|^#\|^\$" "$card/node.env" && { rm -f "$kept"; exit 0; }
  led heartbeat
  [ -e "$tree/run/bramble-firstboot.told" ] || { tell start "of $(uname -m), Linux $(uname -r)"; : >"$tree/run/bramble-firstboot.told"; }
  adopt
}

case ${1:-} in
  os)
    begin
    grow
    identity
    network
    ;;
  join)
    begin
    [ -n "$(value_of SERVER)" ] || fail 'node.env says no SERVER: flash the card again with --server'
    arm
    release
    packages
    preloaded
    enrol
    ;;
  unit) unit_text ;;
  *)
    echo 'firstboot.sh: say os, join or unit' >&2
    exit 64
    ;;
esac
