#!/usr/bin/env bash
# usage: scripts/get_helix.sh
# Prints the path of a Helix >= 25.01: the system's, the one fetched before, or one fetched now from
# Debian's archive into the user's cache directory (x86-64 and Debian only; no root, nothing installed).
# Exit code 3, with the reason on stderr, if none is available.
set -euo pipefail

NAME="Helix >= 25.01" HOME_PAGE=https://helix-editor.com
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/editors"
FETCHED="$CACHE/bin/hx"
# shellcheck source=scripts/from_debian.sh
. "$(dirname "$0")/from_debian.sh"

good() { # does $1 run, and is it of 2025 or later?
  version_of "$1" | sed -nE '1s/^helix ([0-9]+)\..*/\1/p' | { read -r year && [ "$year" -ge 25 ]; }
}

have "$FETCHED" "$(command -v hx || true)" "$(command -v helix || true)"
can_fetch
lock "$CACHE/.lock"
have "$FETCHED"
echo "fetching Helix from Debian's archive into $CACHE (about 9 MB, once)" >&2
bring helix hx usr/lib/hx/hx
wrap "$FETCHED" <<WRAPPER
export HELIX_RUNTIME='$CACHE/helix/usr/lib/hx/runtime'
exec '$CACHE/helix/usr/lib/hx/hx' "\$@"
WRAPPER
