#!/bin/sh
# Makes a running Raspberry Pi (or any 64-bit Debian machine) a node of a Bramble cluster:
#   curl -fsSLk --pinnedpubkey 'sha256//…' https://CONTROL-PLANE:6443/install.sh | sudo sh -s -- --token b1.…
# The control plane fills in who it is, so nothing that this script gets can come from anybody else.
# All runs from the last line: a download that was cut executes nothing.
set -eu

server='@SERVER@'
pin='@PIN@'
opt=${BRAMBLE_OPT:-/opt/bramble}
disk_free_min_mib=700

# What pods need on Debian, Ubuntu and Raspberry Pi OS; the runtime comes on top.
packages='ca-certificates containernetworking-plugins iptables conntrack iproute2 procps util-linux zstd'

usage() {
  cat <<'END'
usage: install.sh [--token TOKEN | --token-file FILE] [--version V] [--check] [--uninstall] [OPTIONS OF "bramble join"]
  --token, --token-file   as "bramble token create" printed it; BRAMBLE_TOKEN in the environment does as well
  --version               which release (default: the newest finished one that the control plane has)
  --check                 say whether this machine can be a node, and change nothing
  --uninstall             remove Bramble from this machine: its pods, settings, releases and units
  Everything else goes to "bramble join": --label disktype=ssd, --taint, --runtime containerd, --node-name, --metered, …
END
}

say() { printf 'bramble: %s\n' "$*"; }
die() { printf 'bramble: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# No Node.js 24 exists for 32 bits, and images would be those of the kernel, not of the system.
check_machine() {
  kernel=${BRAMBLE_MACHINE:-$(uname -m)}
  userland=${BRAMBLE_USERLAND:-$(getconf LONG_BIT 2>/dev/null || echo unknown)}
  case $kernel/$userland in
    aarch64/64) arch=arm64 ;;
    x86_64/64) arch=x64 ;;
    aarch64/32) die 'this system is 32-bit on a 64-bit kernel; Bramble needs a 64-bit system: write the 64-bit Raspberry Pi OS to the card ("bramble flash")' ;;
    armv6l/* | armv7l/* | armhf/*) die "this system is 32-bit ($kernel); Bramble needs a 64-bit one. A Pi 3, 4, 5 or Zero 2 W runs the 64-bit Raspberry Pi OS; a Pi 1, 2 (v1.1) or Zero does not" ;;
    *) die "Bramble runs on 64-bit ARM and x86 machines, not on $kernel ($userland bits)" ;;
  esac
  [ "$(id -u)" = 0 ] || die 'this needs root: it installs packages and sets up a service; put sudo before sh'
  [ -d "${BRAMBLE_SYSTEMD:-/run/systemd/system}" ] || die 'systemd does not run here, and Bramble is kept running by it; see "bramble join" for other ways'
  have apt-get || die "this is no Debian, Ubuntu or Raspberry Pi OS: install $packages and podman yourself, unpack the release and run \"bramble join\""
  have curl || die 'curl is missing: apt-get install curl'
  folder=$opt
  while [ ! -d "$folder" ]; do folder=${folder%/*}; folder=${folder:-/}; done
  free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$disk_free_min_mib" ] || die "$free MiB are free for $opt, and $disk_free_min_mib MiB are needed; make room (apt-get clean, journalctl --vacuum-size=20M)"
  say "64-bit $kernel, systemd, $free MiB free: this machine can be a node"
}

# Only from the control plane whose key is pinned: its certificate is of an authority that this machine does not know yet.
fetch() { # PATH FILE
  curl -fsSLk --proto '=https' --pinnedpubkey "$pin" --connect-timeout 20 --speed-limit 100 --speed-time 60 \
    --retry 5 --retry-delay 2 --retry-connrefused -C - -o "$2" "$server$1"
}

# index.json is a list of flat objects; the newest of each architecture comes first.
find_release() { # -> release, sha256, file
  rm -f "$work/index.json"
  fetch /dist/index.json "$work/index.json" || die "$server does not answer, or is not the control plane that made this script; check that this machine reaches it"
  ours=$(tr -d ' \n' <"$work/index.json" | tr '{' '\n' | grep "\"arch\":\"$arch\"") || ours=
  line=$(printf '%s\n' "$ours" | grep "\"version\":\"${wanted:-[0-9.]*}\"" | head -n 1) || line=
  # one that is not finished, such as 0.2.0-rc.1, only where there is nothing else
  [ -n "$line$wanted" ] || line=$(printf '%s\n' "$ours" | head -n 1)
  [ -n "$line" ] || die "the control plane has no release${wanted:+ $wanted} for $arch; there, run: bramble release import bramble-${wanted:-VERSION}-linux-$arch.tar.zst"
  field() { printf %s "$line" | sed -n "s/.*\"$1\":\"\([A-Za-z0-9._+-]*\)\".*/\1/p"; }
  release=$(field version) sha256=$(field sha256) file=$(field file)
  if [ -z "$release" ] || [ -z "$file" ] || [ ${#sha256} != 64 ]; then die 'the list of releases of the control plane cannot be read; is it much newer? Get its script again'; fi
}

install_packages() {
  missing=
  case " $join " in *" --runtime containerd "*) runtime='containerd runc' ;; *) runtime='podman crun conmon' ;; esac
  # crun refuses cgroups of both versions at once
  [ -e /sys/fs/cgroup/cgroup.controllers ] || runtime="$runtime runc"
  # a runtime that is there stays, such as Docker's containerd
  ! have containerd || runtime=$(echo "$runtime" | sed 's/containerd //')
  for package in $packages $runtime; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  say "installing$missing"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  { apt-get -qq update && apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends $missing; } >"$work/apt.log" 2>&1 ||
    die "apt-get could not install$missing:
$(tail -n 5 "$work/apt.log")"
}

install_release() {
  target=$opt/releases/$release
  if [ ! -x "$target/bin/bramble" ]; then
    say "fetching release $release for $arch"
    fetch "/dist/$file" "$work/$file" || die "the download of $file was cut; run the same line again"
    echo "$sha256  $work/$file" | sha256sum -c - >/dev/null 2>&1 || die "$file is not what the control plane says it is (checksum); run the same line again"
    mkdir -p "$opt/releases"
    rm -rf "$opt/releases/.$release.part"
    mkdir "$opt/releases/.$release.part"
    zstd -dcq "$work/$file" | tar -x --no-same-owner --strip-components=1 -C "$opt/releases/.$release.part" -f -
    (cd "$opt/releases/.$release.part" && sha256sum -c --quiet SHA256SUMS >/dev/null) || die "$file is damaged inside; run the same line again"
    sync
    mv "$opt/releases/.$release.part" "$target"
  fi
  # The first release of this machine; later ones are the launcher's, which can return to the one before.
  mkdir -p "$opt/agent"
  if [ ! -e "$opt/launcher" ]; then
    cp "$target/share/launcher" "$opt/.launcher.part" && chmod 755 "$opt/.launcher.part" && mv "$opt/.launcher.part" "$opt/launcher"
  fi
  if [ ! -x "$opt/agent/current/bin/bramble" ]; then
    ln -sfn "../releases/$release" "$opt/agent/.current.part" && mv -fT "$opt/agent/.current.part" "$opt/agent/current"
  elif [ "$(readlink "$opt/agent/current")" != "../releases/$release" ]; then
    "$opt/launcher" agent stage "$release"
  fi
}

uninstall() {
  [ "$(id -u)" = 0 ] || die 'this needs root; put sudo before sh'
  [ -x "$opt/agent/current/bin/bramble" ] || die 'Bramble is not installed on this machine'
  "$opt/agent/current/bin/bramble" leave --uninstall --yes
}

# An argument as the shell reads it again.
quote() { printf "'%s' " "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

main() {
  token=${BRAMBLE_TOKEN:-} token_file='' wanted='' check='' join='' arguments=''
  while [ $# -gt 0 ]; do
    case $1 in
      --token | --token-file | --version)
        [ $# -ge 2 ] || { usage >&2; exit 2; }
        case $1 in --token) token=$2 ;; --token-file) token_file=$2 ;; --version) wanted=$2 ;; esac
        shift ;;
      --check) check=yes ;;
      --uninstall) uninstall; exit 0 ;;
      -h | --help) usage; exit 0 ;;
      --server) shift ;; # it is in this script
      *) join="$join $1" arguments="$arguments$(quote "$1")" ;;
    esac
    shift
  done
  check_machine
  [ -z "$check" ] || exit 0
  if [ -n "$token_file" ]; then token=$(cat "$token_file") || die "$token_file cannot be read"; fi
  if [ ! -e /var/lib/bramble/agent/identity/node.crt ]; then
    case $token in b1.*.*.*) ;; *) usage >&2; die 'say --token with what "bramble token create" printed on the control plane' ;; esac
  fi
  umask 022
  work=$(mktemp -d /var/tmp/bramble.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  find_release
  install_packages
  install_release
  if [ -n "$token" ]; then
    (umask 077 && printf '%s\n' "$token" >"$work/token")
    arguments="--token-file $work/token $arguments"
  fi
  say "joining $server"
  eval "\"\$opt/agent/current/bin/bramble\" join --server \"\$server\" $arguments"
}

main "$@"
