#!/usr/bin/env bash
# usage: scripts/get_axe.sh
# Prints the path of axe-core, the accessibility rules that the page is tested with: fetched once from npm (3 MB, at the
# version and digest of tests/axe/package-lock.json) into the user's cache directory. Exit code 3, with the reason on
# stderr, if it is not available.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/axe"

# shellcheck source=scripts/lock.sh
. "$here/lock.sh"
if ! cmp -s "$here/../tests/axe/package-lock.json" "$cache/.fetched"; then
  node=$("$here/get_node.sh") || exit 3
  mkdir -p "$cache"
  lock "$cache/.lock"
  cp "$here/../tests/axe/package.json" "$here/../tests/axe/package-lock.json" "$cache"
  (cd "$cache" && PATH="$node:$PATH" npm ci --no-audit --no-fund --silent --ignore-scripts >&2) || {
    echo "no axe-core here: npm could not fetch it (see above); check the network and run this again" >&2
    exit 3
  }
  cp "$here/../tests/axe/package-lock.json" "$cache/.fetched"
fi
echo "$cache/node_modules/axe-core/axe.min.js"
