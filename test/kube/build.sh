#!/bin/sh
# Builds kube-apiserver, kube-controller-manager, kubectl and etcd once into a cache outside the checkout, and prints
# the directory. Needs Go; takes about ten minutes and 3 GB the first time, nothing afterwards.
#   HERALDLB_CACHE        where to cache (default: $XDG_CACHE_HOME/heraldlb, ~/.cache/heraldlb)
#   KUBEBUILDER_ASSETS    a directory that has the binaries already
set -eu

version=v1.35.4
here=$(cd "$(dirname "$0")" && pwd)
out="${HERALDLB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/heraldlb}/kube/$version"

complete() {
  [ -x "$1/kube-apiserver" ] && [ -x "$1/etcd" ]
}

if [ -n "${KUBEBUILDER_ASSETS:-}" ] && complete "$KUBEBUILDER_ASSETS"; then
  echo "$KUBEBUILDER_ASSETS"
  exit 0
fi

mkdir -p "$out"
exec 9>"$out/.lock"
command -v flock >/dev/null && flock 9

if complete "$out" && [ -x "$out/kube-controller-manager" ] && [ -x "$out/kubectl" ]; then
  echo "$out"
  exit 0
fi

PATH="$PATH:/usr/local/go/bin"
if ! command -v go >/dev/null; then
  echo "No Go on this machine: the tests on a real kube-apiserver cannot be prepared." >&2
  exit 3
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
package=k8s.io/component-base/version
minor=${version#v1.}
flags="-s -w -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"

echo "Building Kubernetes $version and etcd in $out (once; about ten minutes)" >&2
export CGO_ENABLED=0
(cd "$here/etcd" && go build -mod=readonly -ldflags "-s -w" -o "$work/etcd" go.etcd.io/etcd/server/v3)
(cd "$here" && go build -mod=readonly -ldflags "$flags" -o "$work/" \
  k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager k8s.io/kubernetes/cmd/kubectl)
for file in "$work"/*; do
  # Into place in one step, so that a reader never sees half a file.
  cp "$file" "$out/.new"
  mv "$out/.new" "$out/$(basename "$file")"
done
echo "$out"
