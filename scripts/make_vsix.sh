#!/usr/bin/env bash
# usage: scripts/make_vsix.sh [--check]
# Packs the VS Code extension and prints the path of the .vsix; --check also checks its types and style and runs its
# tests. Exit code 3, with the reason on stderr, if its tools are not available.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
node=$("$here/get_node.sh") || exit 3
export PATH="$node:$PATH"
# shellcheck source=scripts/lock.sh
. "$here/lock.sh"
lock "${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/vsix.lock"
cd "$here/../editors/vscode"
if ! cmp -s package-lock.json node_modules/.fetched; then
  echo "fetching the extension's tools (200 MB, once)" >&2
  npm ci --no-audit --no-fund --loglevel=error >&2 || {
    echo "no extension: npm could not fetch its tools (see above); check the network and run this again" >&2
    exit 3
  }
  cp package-lock.json node_modules/.fetched
fi
if [ "${1:-}" = --check ]; then
  npm run --silent check >&2
  npm run --silent test >&2
fi
cp ../../LICENSE LICENSE
npm run --silent package >&2
echo "$PWD/spark-lsp-$(node -p "require('./package.json').version").vsix"
