#!/bin/sh
# The first boot of a card that "bramble flash" wrote, on systems without cloud-init: Raspberry Pi OS before Trixie, Debian.
#
# systemd runs it instead of everything else (systemd.run= in cmdline.txt), and the machine starts again when it has ended. It reads node.env
# beside it and never executes what stands there. Every step may be repeated: after a power cut all of it runs again, until the last step takes
# it out of cmdline.txt. A step that fails is told in status.txt; the others go on, because a node that is half right can be mended over SSH.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
boot=$(dirname -- "$here")
units=/etc/systemd/system
interfaces=/etc/network/interfaces.d

main() {
  tell start 'firstrun.sh'
  step identity set_name
  step identity set_user
  step identity set_timezone
  step network-config set_network
  step network-config keep_kernel_words
  step start install_join
  sync
  step start leave_cmdline
  sync
}

values() { sed -n "s/^$1='\(.*\)'[[:space:]]*\$/\1/p" "$here/node.env"; }
value() { values "$1" | head -n 1; }
has() { command -v "$1" >/dev/null 2>&1; }
is_enabled() { systemctl -q is-enabled "$1" 2>/dev/null; }

tell() {
  echo "$(cut -d. -f1 /proc/uptime) $*" >>"$here/status.txt"
  { echo "bramble: $*" >/dev/console; } 2>/dev/null || :
}

# step NAME FUNCTION: what it said on failure goes into the status file, on one line.
step() {
  if said=$("$2" 2>&1); then tell "$1" "$2"; else tell failed "$2: $(echo "$said" | tail -n 3 | tr '\n' ' ')"; fi
}

# replace FILE MODE: the file from standard input, whole or not at all.
replace() {
  mkdir -p "$(dirname "$1")" && (umask 077 && cat >"$1.new") && chmod "$2" "$1.new" && mv "$1.new" "$1"
}

set_name() {
  name=$(value HOSTNAME)
  if [ -z "$name" ]; then
    serial=$(tr -d '\000' </sys/firmware/devicetree/base/serial-number | tail -c 8 | tr A-F a-f)
    [ -n "$serial" ] || return 1
    name=bramble-$serial
  fi
  echo "$name" | replace /etc/hostname 644 || return 1
  { grep -v '^127\.0\.1\.1' /etc/hosts; printf '127.0.1.1\t%s\n' "$name"; } | replace /etc/hosts 644
}

# The user has keys and sudo, and no password: '*' fits no password, and unlike '!' does not close the account to keys.
set_user() {
  user=$(value USER)
  if ! id "$user" >/dev/null 2>&1; then
    # Raspberry Pi OS: its first user is renamed and asked for on the console no more.
    [ ! -x /usr/lib/userconf-pi/userconf ] || /usr/lib/userconf-pi/userconf "$user" '*' || :
    id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --password '*' "$user" || return 1
  elif [ -x /usr/bin/cancel-rename ]; then
    /usr/bin/cancel-rename "$user" || :
  fi
  for group in sudo adm dialout video plugdev netdev gpio i2c spi; do
    ! getent group $group >/dev/null || usermod --append --groups $group "$user"
  done
  echo "$user ALL=(ALL) NOPASSWD:ALL" | replace /etc/sudoers.d/010-bramble 440 || return 1
  give_keys "$user" || return 1
  # Debian's own images: no sudo, and a root without password at the console.
  has sudo || give_keys root || return 1
  ! grep -q '^root::' /etc/shadow || usermod --password '*' root
  systemctl -q enable ssh
}

give_keys() {
  home=$(getent passwd "$1" | cut -d: -f6)
  install -d -m 700 -o "$1" -g "$(id -gn "$1")" "$home/.ssh" || return 1
  { cat "$home/.ssh/authorized_keys" 2>/dev/null; values SSH_KEY; } | awk 'NF && !seen[$0]++' | replace "$home/.ssh/authorized_keys" 600 || return 1
  chown "$1:" "$home/.ssh/authorized_keys"
}

set_timezone() {
  zone=$(value TIMEZONE)
  [ -n "$zone" ] || return 0
  [ -e "/usr/share/zoneinfo/$zone" ] || { echo "no time zone $zone on this system"; return 1; }
  ln -sfn "/usr/share/zoneinfo/$zone" /etc/localtime && echo "$zone" | replace /etc/timezone 644
}

# Wi-Fi and a fixed address, in the words of whichever program keeps the network here.
set_network() {
  ssid=$(value WIFI_SSID_HEX) psk=$(value WIFI_PSK_HEX) country=$(value WIFI_COUNTRY) hidden=$(value WIFI_HIDDEN)
  address=$(value ADDRESS) gateway=$(value GATEWAY) dns=$(value DNS)
  [ -n "$ssid$address" ] || return 0
  [ -z "$ssid" ] || unblock_radio
  device=$(device)
  if is_enabled NetworkManager; then network_manager
  elif is_enabled dhcpcd; then with_dhcpcd
  elif is_enabled systemd-networkd || [ ! -d /etc/network ]; then networkd
  else ifupdown; fi
}

unblock_radio() {
  ! has raspi-config || [ -z "$country" ] || raspi-config nonint do_wifi_country "$country" || :
  ! has rfkill || rfkill unblock wifi || :
  for file in /var/lib/systemd/rfkill/*:wlan; do [ ! -e "$file" ] || echo 0 >"$file"; done
  state=/var/lib/NetworkManager/NetworkManager.state
  [ ! -e $state ] || sed -i 's/WirelessEnabled=false/WirelessEnabled=true/' $state
}

# What the address is for: the radio when there is a network for it, else the cable.
device() {
  if [ -n "$ssid" ]; then echo wlan0; return; fi
  for path in /sys/class/net/eth0 /sys/class/net/end0 /sys/class/net/en*; do
    [ ! -e "$path" ] || { basename "$path"; return; }
  done
  echo eth0
}

network_manager() {
  folder=/etc/NetworkManager/system-connections
  {
    if [ -n "$ssid" ]; then
      printf '[connection]\nid=bramble\ntype=wifi\n\n[wifi]\nmode=infrastructure\nssid=%s\n' "$(hex_bytes "$ssid" '%d;')"
      [ -z "$hidden" ] || echo 'hidden=true'
      [ -z "$psk" ] || printf '\n[wifi-security]\nkey-mgmt=wpa-psk\npsk=%s\n' "$psk"
    else
      printf '[connection]\nid=bramble\ntype=ethernet\nautoconnect-priority=10\n'
    fi
    printf '\n[ipv4]\n'
    if [ -n "$address" ]; then
      printf 'method=manual\naddress1=%s\n' "$address${gateway:+,$gateway}"
      [ -z "$dns" ] || printf 'dns=%s;\n' "$(echo "$dns" | tr , ';')"
    else
      echo 'method=auto'
    fi
    printf '\n[ipv6]\nmethod=auto\n'
  } | replace $folder/bramble.nmconnection 600
}

# hex_bytes HEX FORMAT: every byte in this format.
hex_bytes() {
  for byte in $(echo "$1" | sed 's/../& /g'); do printf "$2" "0x$byte"; done
}

wpa_supplicant_conf() {
  [ -z "$country" ] || echo "country=$country"
  printf 'ctrl_interface=DIR=/run/wpa_supplicant GROUP=netdev\nupdate_config=1\n\nnetwork={\n\tssid=%s\n' "$ssid"
  [ -z "$hidden" ] || printf '\tscan_ssid=1\n'
  if [ -n "$psk" ]; then printf '\tpsk=%s\n}\n' "$psk"; else printf '\tkey_mgmt=NONE\n}\n'; fi
}

with_dhcpcd() {
  [ -z "$ssid" ] || wpa_supplicant_conf | replace /etc/wpa_supplicant/wpa_supplicant.conf 600 || return 1
  [ -n "$address" ] || return 0
  {
    sed '/^# bramble: begin$/,/^# bramble: end$/d' /etc/dhcpcd.conf
    printf '# bramble: begin\ninterface %s\nstatic ip_address=%s\n' "$device" "$address"
    [ -z "$gateway" ] || echo "static routers=$gateway"
    [ -z "$dns" ] || echo "static domain_name_servers=$(echo "$dns" | tr , ' ')"
    echo '# bramble: end'
  } | replace /etc/dhcpcd.conf 644
}

networkd() {
  if [ -n "$ssid" ]; then
    wpa_supplicant_conf | replace "/etc/wpa_supplicant/wpa_supplicant-$device.conf" 600 || return 1
    systemctl -q enable "wpa_supplicant@$device" || return 1
  fi
  {
    printf '[Match]\nName=%s\n\n[Network]\n' "$device"
    if [ -n "$address" ]; then echo "Address=$address"; else echo 'DHCP=yes'; fi
    [ -z "$gateway" ] || echo "Gateway=$gateway"
    for server in $(echo "$dns" | tr , ' '); do echo "DNS=$server"; done
  } | replace /etc/systemd/network/05-bramble.network 644 || return 1
  systemctl -q enable systemd-networkd
}

ifupdown() {
  [ -z "$ssid" ] || wpa_supplicant_conf | replace /etc/wpa_supplicant/wpa_supplicant.conf 600 || return 1
  {
    echo "allow-hotplug $device"
    if [ -n "$address" ]; then
      printf 'iface %s inet static\n\taddress %s\n' "$device" "$address"
      [ -z "$gateway" ] || printf '\tgateway %s\n' "$gateway"
      [ -z "$dns" ] || printf '\tdns-nameservers %s\n' "$(echo "$dns" | tr , ' ')"
    else
      echo "iface $device inet dhcp"
    fi
    [ -z "$ssid" ] || printf '\twpa-conf /etc/wpa_supplicant/wpa_supplicant.conf\n'
  } | replace "$interfaces/$device" 600
}

# Debian writes cmdline.txt and config.txt anew with every kernel, from these.
keep_kernel_words() {
  [ -e /etc/default/raspi-firmware ] || return 0
  extra=/etc/default/raspi-extra-cmdline custom=/etc/default/raspi-firmware-custom country=$(value WIFI_COUNTRY)
  line=$(cat $extra 2>/dev/null)
  for word in cgroup_enable=memory cgroup_memory=1 ${country:+cfg80211.ieee80211_regdom=$country}; do
    case " $line " in *" $word "*) ;; *) line="$line${line:+ }$word" ;; esac
  done
  echo "$line" | replace $extra 644 || return 1
  grep -qs '^dtparam=watchdog=on' $custom || printf '\n[all]\ndtparam=watchdog=on\n' >>$custom
}

# The rest needs a network, and is a service: firstboot.sh join.
install_join() {
  mkdir -p /usr/lib/bramble && replace /usr/lib/bramble/firstboot.sh 755 <"$here/firstboot.sh" || return 1
  /usr/lib/bramble/firstboot.sh unit | replace $units/bramble-firstboot-join.service 644 || return 1
  systemctl -q enable bramble-firstboot-join.service
}

leave_cmdline() {
  for file in "$boot"/cmdline*.txt "$boot"/*/cmdline*.txt; do
    grep -qs 'systemd\.run=-/boot/.*bramble/firstrun\.sh' "$file" || continue
    sed 's| *systemd\.run=-/boot/\(firmware/\)\{0,1\}bramble/firstrun\.sh||g' "$file" >"$file.new" || return 1
    # Somebody else's systemd.run= keeps what is to happen after it.
    grep -q 'systemd\.run=' "$file.new" || sed -i 's| *systemd\.run_success_action=reboot||' "$file.new" || return 1
    sync && mv "$file.new" "$file" || return 1
  done
}

main
exit 0
