#!/bin/sh
# Can this machine boot the hosts of tests/deploy? Exits 0 when it can; else prints the reason in one line and exits 1.
set -u
no() { echo "$1"; exit 1; }

[ "$(id -u)" = 0 ] || no "they boot hosts, which needs root"
cd "$(dirname "$0")/.." && make --no-print-directory deploy-packages >/dev/null 2>&1 ||
    no "debootstrap, systemd-container, nftables or iproute2 is missing and cannot be installed here"

probe=/var/tmp/claude-memory-probe.$$
bridge=cmprobe$(($$ % 100000))
trap 'umount "$probe/root" 2>/dev/null; rm -rf "$probe"; ip link delete "$bridge" 2>/dev/null' EXIT
mkdir -p "$probe/lower" "$probe/upper" "$probe/work" "$probe/root"
mount -t overlay overlay -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work,volatile" "$probe/root" 2>/dev/null ||
    no "overlays cannot be mounted here"
ip link add "$bridge" type bridge 2>/dev/null || no "network bridges cannot be made here"
nft list tables >/dev/null 2>&1 || no "nftables does not work here"
unshare --mount --pid --net --uts --ipc --fork true 2>/dev/null || no "namespaces cannot be made here"
