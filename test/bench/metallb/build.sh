#!/bin/sh
# Builds MetalLB's controller once into a cache outside the checkout, puts its CRDs beside it, and prints the directory. Needs Go.
# Only a benchmark uses it: no test does.
#   HERALDLB_CACHE        where to cache (default: $XDG_CACHE_HOME/heraldlb, ~/.cache/heraldlb)
set -eu

module=go.universe.tf/metallb
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n "s|^require $module ||p" "$here/go.mod")
out="${HERALDLB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/heraldlb}/metallb/$version"

if [ -x "$out/controller" ] && [ -d "$out/crds" ]; then
  echo "$out"
  exit 0
fi

PATH="$PATH:/usr/local/go/bin"
if ! command -v go >/dev/null; then
  echo "No Go on this machine: MetalLB's controller cannot be built." >&2
  exit 3
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
echo "Building MetalLB $version in $out (once)" >&2
cd "$here"
CGO_ENABLED=0 go build -mod=readonly -ldflags '-s -w' -o "$work/controller" "$module/controller"
mkdir -p "$out"
rm -rf "$out/crds"
cp -r "$(go list -mod=readonly -m -f '{{.Dir}}' "$module")/config/crd/bases" "$out/crds"
chmod -R u+w "$out/crds"
mv "$work/controller" "$out/controller"
echo "$out"
