#!/usr/bin/env bash
# usage: scripts/get_chromium.sh
# Prints the path of a Chromium for tests and pictures: the system's, the one fetched before, or one fetched now from
# Debian's archive into the user's cache directory (its headless shell: it has no window; x86-64 and Debian only; no
# root, nothing installed). Exit code 3, with the reason on stderr, if none is available.
set -euo pipefail

NAME=Chromium HOME_PAGE="your distribution (Debian: sudo apt-get install chromium)"
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/chromium"
FETCHED="$CACHE/bin/chromium"
# shellcheck source=scripts/from_debian.sh
. "$(dirname "$0")/from_debian.sh"

good() { # does $1 run?
  version_of "$1" | grep -qE '^(Chromium|Google Chrome) [0-9]+'
}

have "$FETCHED"
for name in chromium chromium-browser google-chrome google-chrome-stable; do have "$(command -v "$name" || true)"; done
can_fetch
lock "$CACHE/.lock"
have "$FETCHED"
echo "fetching Chromium from Debian's archive into $CACHE (122 MB, 350 MB unpacked, once)" >&2
# Without a GPU, a display and a sound card, its drivers and tools are never loaded.
unpack_any chromium-headless-shell "libllvm.*|mesa-.*|libgl1-mesa-dri|libglx-mesa0|libz3-4|libc-gconv.*|xkb-data\
|x11-.*|xdg-utils|pci.ids|debconf|libx(aw|mu|muu|t|v|xf86dga|xf86vm|kbfile|inerama|ft|tst|pm)[0-9].*|libxml2.*\
|libelf.*|libedit.*|libsensors.*|libdrm-(intel|amdgpu).*|libpciaccess0|lsb-base|sysvinit-utils|at-spi2-common"
program=$work/root/usr/lib/chromium/chromium-headless-shell libraries=$CACHE/root/usr/lib/x86_64-linux-gnu
[ -x "$program" ] || none "Debian's package has no chromium-headless-shell"
"$patchelf" --set-interpreter "$libraries/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$libraries" "$program"
for library in "$work"/root/usr/lib/x86_64-linux-gnu/libpulse*.so.?; do # they refer to the system's folder
  "$patchelf" --set-rpath "$libraries:$libraries/pulseaudio" "$(realpath "$library")"
done
rm -f "$work"/root/usr/lib/chromium/libVkLayer_khronos_validation.so
cat >"$work/root/fonts.conf" <<FONTS
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>$CACHE/root/usr/share/fonts</dir>
  <include ignore_missing="yes">$CACHE/root/etc/fonts/conf.d</include>
  <cachedir>$CACHE/fontconfig</cachedir>
</fontconfig>
FONTS
publish root
wrap "$FETCHED" <<WRAPPER
export FONTCONFIG_FILE='$CACHE/root/fonts.conf'
exec '$CACHE/root/usr/lib/chromium/chromium-headless-shell' "\$@"
WRAPPER
