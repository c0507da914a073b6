#!/usr/bin/env bash
# usage: scripts/get_emacs.sh
# Prints the path of an Emacs >= 30 (with eglot): the system's, the one fetched before, or one fetched now
# from Debian's archive into the user's cache directory (x86-64 and Debian only; no root, nothing installed).
# Exit code 3, with the reason on stderr, if none is available.
set -euo pipefail

NAME="Emacs >= 30" HOME_PAGE=https://www.gnu.org/software/emacs/
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/editors"
FETCHED="$CACHE/bin/emacs"
# shellcheck source=scripts/from_debian.sh
. "$(dirname "$0")/from_debian.sh"

good() { # does $1 run, and is it 30 or later?
  version_of "$1" | sed -nE '1s/^GNU Emacs ([0-9]+)\..*/\1/p' |
    { read -r major && [ "$major" -ge 30 ]; }
}

have "$FETCHED" "$(command -v emacs || true)"
can_fetch
lock "$CACHE/.lock"
have "$FETCHED"
echo "fetching Emacs from Debian's archive into $CACHE (about 60 MB, once)" >&2
# Its library for compiling Lisp depends on a compiler, but loads only that library.
bring emacs emacs-nox usr/bin/emacs-nox 'emacs-el|binutils.*|lib(a|hwa|l|t|ub)san.*|.*-dev|libgprofng.*'
root="$CACHE/emacs/usr"
share=$(echo "$root"/share/emacs/[0-9]*) exec=$(echo "$root"/libexec/emacs/[0-9]*/*-linux-gnu)
wrap "$FETCHED" <<WRAPPER
export EMACSLOADPATH='$share/lisp' EMACSDATA='$share/etc' EMACSDOC='$share/etc' EMACSPATH='$exec'
exec '$root/bin/emacs-nox' --dump-file="$(echo "$exec"/emacs-*.pdmp)" "\$@"
WRAPPER
