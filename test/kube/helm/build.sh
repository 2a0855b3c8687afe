#!/bin/sh
# Builds helm once into a cache outside the checkout, and prints its path. Needs Go; takes a minute or two the first time.
#   HERALDLB_CACHE   where to cache (default: $XDG_CACHE_HOME/heraldlb, ~/.cache/heraldlb)
#   HERALDLB_HELM    a helm that is there already
set -eu

here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's/^require helm.sh\/helm\/v3 //p' "$here/go.mod")
out="${HERALDLB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/heraldlb}/helm/$version"

for found in "${HERALDLB_HELM:-}" "$out/helm"; do
  if [ -n "$found" ] && [ -x "$found" ]; then
    echo "$found"
    exit 0
  fi
done

PATH="$PATH:/usr/local/go/bin"
if ! command -v go >/dev/null; then
  echo "No Go on this machine: the tests of the Helm chart cannot be prepared." >&2
  exit 3
fi

mkdir -p "$out"
exec 9>"$out/.lock"
command -v flock >/dev/null && flock 9
[ -x "$out/helm" ] && echo "$out/helm" && exit 0

echo "Building helm $version in $out (once)" >&2
export CGO_ENABLED=0
(cd "$here" && go build -mod=readonly -ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=$version" -o "$out/.new" helm.sh/helm/v3/cmd/helm)
# Into place in one step, so that a reader never sees half a file.
mv "$out/.new" "$out/helm"
echo "$out/helm"
