#!/usr/bin/env bash
# usage: scripts/get_vscode.sh
# Prints the path of code-server, the real VS Code behind a web page: the one fetched before, or fetched now from npm
# into the user's cache directory (620 MB, about 2 minutes; parts of it are compiled). Exit code 3, with the reason
# on stderr, if it is not available.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
pinned=$here/../tests/editors/vscode
VERSION=$(sed -nE 's/.*"code-server": "([^"]+)".*/\1/p' "$pinned/package.json")
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/vscode-$VERSION"
PROGRAM=$CACHE/node_modules/.bin/code-server
# shellcheck source=scripts/lock.sh
. "$here/lock.sh"

none() {
  echo "no VS Code here: $1" >&2
  exit 3
}

good() { # was it fetched completely, and does it run?
  [ -f "$CACHE/.complete" ] && PATH="$node:$PATH" "$PROGRAM" --version >/dev/null 2>&1
}

compilers() { # checks the tools for compiling its native parts; exits if one is missing
  local missing=()
  for pair in g++:g++ make:make pkg-config:pkg-config; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ ${#missing[@]} = 0 ] || none "parts of it are compiled; run: sudo apt-get install ${missing[*]}"
  pkg-config --exists mit-krb5-gssapi || kerberos=$("$here/get_kerberos.sh") ||
    none "parts of it are compiled; run: sudo apt-get install libkrb5-dev"
  if [ -n "${kerberos:-}" ]; then
    local libraries=$kerberos/lib/x86_64-linux-gnu
    export CPATH=$kerberos/include LIBRARY_PATH=$libraries PKG_CONFIG_PATH=$libraries/pkgconfig
    export LDFLAGS=-Wl,-rpath,$libraries PATH=$kerberos/bin:$PATH
  fi
}

fetch() {
  compilers
  echo "fetching VS Code (code-server $VERSION) into $CACHE (620 MB, about 2 minutes, once)" >&2
  rm -f "$CACHE/.complete"
  cp "$pinned/package.json" "$pinned/package-lock.json" "$CACHE"
  (cd "$CACHE" && PATH="$node:$PATH" npm_config_nodedir="$node/../include-root" \
    npm ci --no-audit --no-fund --loglevel=error >"$CACHE/fetch.log" 2>&1) ||
    none "npm could not bring it: $(grep -m 1 -E 'npm (error|ERR!)' "$CACHE/fetch.log" || true) (all of it: $CACHE/fetch.log)"
  touch "$CACHE/.complete"
  good || none "the one that was fetched does not run; remove $CACHE and run this again"
}

node=$("$here/get_node.sh") || exit 3
if ! good; then
  mkdir -p "$CACHE" 2>/dev/null || none "its folder $CACHE cannot be written"
  lock "$CACHE/.lock"
  good || fetch
fi
ln -sfn "$node" "$CACHE/node"
echo "$PROGRAM"
