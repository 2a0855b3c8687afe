#!/bin/sh
# Gets newer versions of the interop peers than the system has, once, into a cache outside the checkout, and prints the directory of
# their programs: GoBGP from its Go module, ExaBGP from its Python package, FRR, BIRD and OpenBGPD from the packages of a newer Debian,
# each with the libraries that it wants. Nothing is installed on the system. About 150 MB, and a minute or two the first time.
#   HERALDLB_CACHE   where to cache (default: $XDG_CACHE_HOME/heraldlb, ~/.cache/heraldlb)
set -eu

release=trixie
exabgp=5.0.15
here=$(cd "$(dirname "$0")" && pwd)
gobgp=$(sed -n 's|^require github.com/osrg/gobgp/v4 ||p' "$here/go.mod")
out="${HERALDLB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/heraldlb}/peers"
missing=''

mkdir -p "$out/bin"
exec 9>"$out/.lock"
command -v flock >/dev/null && flock 9
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# In one step, so that a reader never sees half a file.
put() {
  chmod 755 "$work/program"
  mv "$work/program" "$out/bin/$1"
}

buildGobgp() {
  PATH="$PATH:/usr/local/go/bin"
  command -v go >/dev/null || { missing="$missing GoBGP (no Go)"; return 0; }
  (cd "$here" && CGO_ENABLED=0 go build -mod=readonly -ldflags '-s -w' -o "$work/gobgp/" \
    github.com/osrg/gobgp/v4/cmd/gobgp github.com/osrg/gobgp/v4/cmd/gobgpd) || { missing="$missing GoBGP"; return 0; }
  for name in gobgp gobgpd; do
    mv "$work/gobgp/$name" "$work/program"
    put "$name"
  done
  touch "$out/.gobgp-$gobgp"
}

buildExabgp() {
  rm -rf "$out/exabgp"
  { python3 -m venv "$out/exabgp" && "$out/exabgp/bin/pip" install -q --no-deps --disable-pip-version-check "exabgp==$exabgp"; } >&2 ||
    { missing="$missing ExaBGP"; return 0; }
  ln -sfn "$out/exabgp/bin/exabgp" "$out/bin/exabgp"
  touch "$out/.exabgp-$exabgp"
}

# The same archive as the system's, with an index of its own.
apt() {
  program=$1
  shift
  "$program" -o Dir::State="$work/apt" -o Dir::State::status="$work/apt/status" -o Dir::Cache="$work/apt/cache" \
    -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Debug::NoLocking=true -o Acquire::Languages=none \
    -o APT::Install-Recommends=false -o APT::Sandbox::User=root -qq "$@" >&2
}

extractDebian() {
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | sort -u | head -n 1)
  [ -n "$archive" ] || return 1
  mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
  : >"$work/apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $release main" >"$work/apt/sources.list"
  apt apt-get update && apt apt-get -y --download-only install frr bird3 openbgpd || return 1
  rm -rf "$out/debian"
  mkdir -p "$out/debian"
  for package in "$work"/apt/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$out/debian" --no-same-owner --exclude=./usr/share || return 1
  done
}

buildDebian() {
  extractDebian || { missing="$missing FRR BIRD OpenBGPD (no packages of Debian $release)"; return 0; }
  loader=$(echo "$out"/debian/usr/lib/*/ld-linux-*.so.*)
  libraries=$(dirname "$loader")
  for pair in bgpd:lib/frr/bgpd zebra:lib/frr/zebra bfdd:lib/frr/bfdd vtysh:bin/vtysh bird:sbin/bird birdc:sbin/birdc \
    openbgpd:sbin/bgpd bgpctl:sbin/bgpctl; do
    name=${pair%%:*}
    # By the loader of its own C library.
    printf '#!/bin/sh\nexec %s --library-path %s:%s/frr --argv0 "$0" %s/debian/usr/%s "$@"\n' \
      "$loader" "$libraries" "$libraries" "$out" "${pair#*:}" >"$work/program"
    put "$name"
  done
  touch "$out/.debian-$release"
}

[ -e "$out/.gobgp-$gobgp" ] || buildGobgp
[ -e "$out/.exabgp-$exabgp" ] || buildExabgp
[ -e "$out/.debian-$release" ] || buildDebian
if [ -n "$missing" ]; then
  echo "Not to be had:$missing" >&2
  exit 3
fi
echo "$out/bin"
