#!/usr/bin/env bash
# Fetches the real clients that the tests use with the gateway (Node SDK, Codex CLI) into the user's cache, and prints
# the folder. Exit 3, with the reason, if that is not possible.
set -euo pipefail
here=$(cd "$(dirname "$0")/../tests/conformance/node" && pwd)
cache=${SPARK_LSP_CLIENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/clients}

command -v node >/dev/null && command -v npm >/dev/null || {
  echo "the clients' tests need node and npm (Debian: nodejs npm); they will be left out" >&2
  exit 3
}
# shellcheck source=scripts/lock.sh
. "$(dirname "$0")/lock.sh"
mkdir -p "$cache"
lock "$cache/.lock"
if ! cmp -s "$here/package-lock.json" "$cache/.fetched"; then
  echo "fetching the Node SDK and Codex CLI (404 MB unpacked, once) into $cache" >&2
  cp "$here/package.json" "$here/package-lock.json" "$cache"
  (cd "$cache" && npm ci --no-audit --no-fund --silent) || {
    echo "npm could not fetch the clients (see above; is there a network?); their tests will be left out" >&2
    exit 3
  }
  cp "$here/package-lock.json" "$cache/.fetched"
fi
echo "$cache"
