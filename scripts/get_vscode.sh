#!/usr/bin/env bash
# usage: scripts/get_vscode.sh
# Prints the path of code-server, the real VS Code behind a web page: the one fetched before, or fetched now from npm
# into the user's cache directory (620 MB, about 2 minutes; parts of it are compiled). Exit code 3, with the reason
# on stderr, where it cannot be had.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lock=$here/../tests/editors/vscode
VERSION=$(sed -nE 's/.*"code-server": "([^"]+)".*/\1/p' "$lock/package.json")
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/vscode-$VERSION"

none() {
  echo "no VS Code here: $1" >&2
  exit 3
}

command -v chromium >/dev/null || none "its window needs Chromium; run: sudo apt-get install chromium"
node=$("$here/get_node.sh") || exit 3
if ! [ -f "$CACHE/.complete" ]; then
  command -v g++ make pkg-config >/dev/null || none "run: sudo apt-get install g++ make pkg-config libkrb5-dev"
  echo "fetching VS Code (code-server $VERSION) into $CACHE (620 MB, about 2 minutes, once)" >&2
  mkdir -p "$CACHE"
  cp "$lock/package.json" "$lock/package-lock.json" "$CACHE"
  (cd "$CACHE" && PATH="$node:$PATH" npm_config_nodedir="$node/../include-root" \
    npm ci --no-audit --no-fund --loglevel=error >"$CACHE/fetch.log" 2>&1) ||
    none "npm could not bring it, see $CACHE/fetch.log; or run: sudo apt-get install g++ make pkg-config libkrb5-dev"
  touch "$CACHE/.complete"
fi
ln -sfn "$node" "$CACHE/node"
echo "$CACHE/node_modules/.bin/code-server"
