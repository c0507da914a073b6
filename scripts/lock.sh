# Sourced by scripts/get_*.sh: two scripts at once fetch a file only once.

lock() { # hold the lock file $1 until this script ends; wait for another script that holds it
  command -v flock >/dev/null || return 0 # macOS has none
  mkdir -p "$(dirname "$1")" 2>/dev/null || return 0 # the fetch itself reports an unwritable folder
  { exec 9>"$1"; } 2>/dev/null || return 0
  flock --nonblock 9 || {
    echo "waiting for another program that fetches the same ($1)" >&2
    flock 9
  }
}
