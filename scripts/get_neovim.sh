#!/usr/bin/env bash
# usage: scripts/get_neovim.sh
# Prints the path of a Neovim >= 0.12: the system's, the one fetched before, or one fetched now from
# Debian's archive into the user's cache directory (x86-64 and Debian only; no root, nothing installed).
# Exit code 3, with the reason on stderr, if none is available.
set -euo pipefail

NAME="Neovim >= 0.12" HOME_PAGE=https://neovim.io
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/editors"
FETCHED="$CACHE/bin/nvim"
# shellcheck source=scripts/from_debian.sh
. "$(dirname "$0")/from_debian.sh"

good() { # does $1 run, and is it 0.12 or later?
  version_of "$1" | sed -nE '1s/^NVIM v([0-9]+)\.([0-9]+).*/\1 \2/p' | {
    read -r major minor && { [ "$major" -gt 0 ] || [ "$minor" -ge 12 ]; }
  }
}

have "$FETCHED" "$(command -v nvim || true)"
can_fetch
lock "$CACHE/.lock"
have "$FETCHED"
echo "fetching Neovim from Debian's archive into $CACHE (about 25 MB, once)" >&2
bring root neovim usr/bin/nvim
wrap "$FETCHED" <<WRAPPER
export VIM='$CACHE/root/usr/share/nvim' VIMRUNTIME='$CACHE/root/usr/share/nvim/runtime'
exec '$CACHE/root/usr/bin/nvim' "\$@"
WRAPPER
