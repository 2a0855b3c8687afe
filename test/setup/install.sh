#!/usr/bin/env bash
# Installs what the build, the tests and the demo need on a fresh Debian or Ubuntu machine. Quick when nothing is missing.
#   install.sh build   npm packages only (and a compiler when there is none)
#   install.sh demo    + the daemons of the lab
#   install.sh test    + every interop peer, newer versions of them, and a real kube-apiserver where Go can build one
set -euo pipefail
cd "$(dirname "$0")/../.."

what=${1:-test}
step() { printf '  %-12s %s\n' "$1" "$2"; }
fail() { printf 'install: %s\n' "$1" >&2; exit 1; }

command -v node >/dev/null || fail 'Node.js 20.19 or newer is needed (https://nodejs.org)'
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  fail "Node.js 20.19 or newer is needed, this is $(node --version)"

packages=(make gcc g++ python3-minimal)
if [ "$what" != build ]; then
  packages+=(iproute2 iputils-ping procps openssl curl nftables nginx-light frr bird2 arping ndisc6)
fi
if [ "$what" = test ]; then
  packages+=(gobgpd exabgp openbgpd python3-venv tcpdump tshark bridge-utils keepalived chromium prometheus gcc-aarch64-linux-gnu g++-aarch64-linux-gnu)
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
# A toolchain that does not come from a package is as good as one that does.
for pair in make:make gcc:gcc g++:g++ python3-minimal:python3; do
  command -v "${pair#*:}" >/dev/null || continue
  for i in "${!missing[@]}"; do [ "${missing[$i]}" = "${pair%:*}" ] && unset 'missing[i]'; done
done

if [ ${#missing[@]} -gt 0 ]; then
  [ "$(id -u)" = 0 ] || fail "these packages are missing and only root can install them: ${missing[*]}"
  step packages "${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  # The daemons are started by the tests, each in a namespace of its own: keep the packages from starting them on the host.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; fail 'apt-get could not install them'; }
  rm -f "$log"
else
  step packages 'all present'
fi

# node-gyp needs the runtime's own headers; many installations ship them beside the binary.
prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
[ -f "$prefix/include/node/node_api.h" ] && export npm_config_nodedir=$prefix

if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  step npm 'installing from package-lock.json'
  log=$(mktemp)
  npm ci --loglevel=error >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail 'npm ci failed'; }
  touch node_modules/.package-lock.json
  rm -f "$log"
else
  step npm 'up to date'
fi

if [ "$what" = test ]; then
  if test/kube/build.sh; then
    step kubernetes 'kube-apiserver, etcd and kubectl are at hand'
  else
    step kubernetes 'no kube-apiserver: set KUBEBUILDER_ASSETS or install Go (tests that need it will say so)'
  fi
  if test/kube/helm/build.sh >/dev/null; then
    step helm 'helm is at hand'
  else
    step helm 'no helm: set HERALDLB_HELM or install Go (tests that need it will say so)'
  fi
  if test/interop/newer/build.sh >/dev/null; then
    step peers 'newer interop peers are at hand'
  else
    step peers 'not all newer interop peers are to be had (tests that need them will say so)'
  fi
fi
