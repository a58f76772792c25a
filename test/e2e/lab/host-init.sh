#!/bin/sh
# Process 1 of a laboratory host, in namespaces of its own: gives it private folders and files, then only reaps.
# Arguments: host name, address, its disk (a folder), the file to say "ready" in.
set -eu
host=$1 ip=$2 disk=$3 ready=$4
read -r pid rest < /proc/self/stat # of the /proc outside: the id by which this host is known there

hostname "$host"
for folder in etc var; do # what is written there stays with this host
  mkdir -p "$disk/$folder" "$disk/.work-$folder"
  mount -t overlay -o "lowerdir=/$folder,upperdir=$disk/$folder,workdir=$disk/.work-$folder" "$folder" "/$folder"
done
for folder in /etc/bramble /etc/cni/net.d /var/lib/bramble /var/lib/cni /var/lib/containers /var/lib/containerd /var/log/pods; do
  mkdir -p "$disk/own$folder" "$folder"
  mount --bind "$disk/own$folder" "$folder"
done
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 shm /dev/shm
mkdir -p /run/lock /run/netns

rm -f /etc/resolv.conf /etc/hosts
: > /etc/resolv.conf
printf '127.0.0.1\tlocalhost\n%s\t%s\n' "$ip" "$host" > /etc/hosts
printf '%s\n' "$host" > /etc/hostname

controllers=$(for folder in /sys/fs/cgroup/*/; do basename "$folder"; done)
[ -e /sys/fs/cgroup/cgroup.controllers ] && version=2 || version=1
umount --recursive --lazy /sys
mount -t sysfs sys /sys # of this network namespace
if [ "$version" = 2 ]; then
  mount -t cgroup2 cgroup /sys/fs/cgroup
else
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  for controller in $controllers; do
    case $controller in unified) continue ;; systemd) option=none,name=systemd ;; *) option=$controller ;; esac
    mkdir "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$option" cgroup "/sys/fs/cgroup/$controller"
  done
fi
mount -t proc proc /proc
sysctl -qw net.ipv4.ip_forward=1

echo "$pid" > "$ready.draft"
mv "$ready.draft" "$ready"
sleep infinity &
while :; do wait || :; done
