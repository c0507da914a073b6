#!/usr/bin/env bash
# usage: scripts/get_kerberos.sh
# Prints a folder with include, lib/x86_64-linux-gnu and bin (krb5-config) of Kerberos, for compiling VS Code's server: fetched once
# from the archive of this machine's own Debian release into the user's cache directory (no root, nothing installed).
# Exit code 3, with the reason on stderr, if that is not possible.
set -euo pipefail

NAME="Kerberos (libkrb5-dev)" HOME_PAGE="your distribution (Debian: sudo apt-get install libkrb5-dev)"
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/kerberos"
# shellcheck source=scripts/from_debian.sh
. "$(dirname "$0")/from_debian.sh"

good() { # is everything for a compiler present?
  [ -f "$1/include/krb5.h" ] && [ -e "$1/lib/x86_64-linux-gnu/libgssapi_krb5.so" ] && [ -x "$1/bin/krb5-config" ]
}

have "$CACHE/root/usr"
can_fetch
lock "$CACHE/.lock"
have "$CACHE/root/usr"
# The compiled code runs with this system's C library, so take nothing from a later release.
SUITES=$(sed -nE 's/^VERSION_CODENAME=//p' /etc/os-release)
[ -n "$SUITES" ] || none "/etc/os-release does not name this Debian's release"
echo "fetching Kerberos from Debian's archive into $CACHE (2 MB, once)" >&2
unpack_any libkrb5-dev "gcc.*|libc6.*|libc-.*|libcrypt.*|libgcc.*|linux-libc-dev|libssl.*|openssl.*|lib(nsl|tirpc|gssrpc).*\
|rpcsvc-proto|lib(kdb|kadm).*"
cp -a "$work"/root/lib/x86_64-linux-gnu/. "$work/root/usr/lib/x86_64-linux-gnu" 2>/dev/null || true # older releases
sed -i "s|^prefix=/usr|prefix=$CACHE/root/usr|" "$work"/root/usr/bin/krb5-config.mit \
  "$work"/root/usr/lib/x86_64-linux-gnu/pkgconfig/{*.pc,*/*.pc}
ln -sf libcom_err.so.2 "$work/root/usr/lib/x86_64-linux-gnu/libcom_err.so"
publish root
have "$CACHE/root/usr"
none "the packages that were fetched are not complete"
