#!/usr/bin/env bash
# usage: scripts/get_ray.sh
# Prints the Python of an environment with spark-lsp, Ray Serve and psycopg, for an optional test: made once in the
# user's cache directory (about 500 MB unpacked). Exit code 3, with the reason on stderr, if it is not available.
set -euo pipefail

VERSION=2.60.0
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/ray-$VERSION"
here=$(cd "$(dirname "$0")" && pwd)

# shellcheck source=scripts/lock.sh
. "$here/lock.sh"

[ -f "$CACHE/.complete" ] || lock "$CACHE.lock"
if ! [ -f "$CACHE/.complete" ]; then
  echo "fetching Ray Serve $VERSION into $CACHE (about 500 MB, once)" >&2
  rm -rf "$CACHE"
  "$here/../.venv/bin/python" -m venv --without-pip "$CACHE"
  "$here/../.venv/bin/uv" pip install --quiet --compile-bytecode --python "$CACHE/bin/python" \
    --only-binary :all: --no-binary spark-lsp "ray[serve]==$VERSION" "psycopg[binary]>=3.2" psutil "$here/.." >&2 || {
    echo "no Ray Serve here: its packages could not be fetched" >&2
    exit 3
  }
  # The tests run the checkout, not a copy of it.
  "$here/../.venv/bin/uv" pip uninstall --quiet --python "$CACHE/bin/python" spark-lsp >&2
  touch "$CACHE/.complete"
fi
echo "$CACHE/bin/python"
