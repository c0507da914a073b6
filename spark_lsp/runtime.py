"""The user's runtime directory, in which gateways publish their addresses.

The directory belongs to the user alone (mode 700). It contains

- `gateway.json` (mode 600): URL, token, process id and version of the automatic gateway;
- `endpoint.json` (mode 600): the same of a gateway on a port, which the user has started;
- `gateway.lock`: held while a gateway starts, so two editors that open together start only one;
- `gateway.sock`: its Unix socket.

On some systems the path of a Unix socket is limited to about 100 characters. If the usual directory is too
deep, a private one below the system's temporary directory replaces it.
"""

import hashlib
import os
import stat
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from spark_lsp.errors import GatewayError
from spark_lsp.home import private_directory

STATE_FILE = "gateway.json"
ENDPOINT_FILE = "endpoint.json"
SOCKET_PATH_LIMIT = 100  # sockaddr_un holds 108 bytes on Linux, 104 on macOS


@dataclass(frozen=True, slots=True)
class State:
    """The address of a running gateway."""

    url: str
    token: str
    pid: int
    version: str


def directory() -> Path:
    """Return the runtime directory; create it if missing. Raises `GatewayError` if others can use it."""
    given = os.environ.get("SPARK_LSP_RUNTIME_DIR")
    path = Path(given or _find_usual_directory())
    try:
        path = path.absolute()
        if not _writable_parent(path) or not fits_socket(path / "gateway.sock"):
            path = _find_short_directory(path)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not given and not _is_own(path):  # we run as another user, with this one's environment
            path = _find_short_directory(path)
        return _private(path)
    except OSError as error:
        raise GatewayError(
            f"The runtime directory {path} cannot be made: {error.strerror}",
            "No gateway can be found or started",
            "Name another place in SPARK_LSP_RUNTIME_DIR",
        ) from error


def _find_usual_directory() -> Path:
    """Return the directory of the session; on Linux without platformdirs, which warns of unusual ones."""
    if sys.platform != "linux":
        import platformdirs

        return platformdirs.user_runtime_path("spark-lsp")
    named = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if not named.is_absolute() or (named.exists() and not _is_own(named)):
        named = Path(f"/run/user/{os.getuid()}")
    return named / "spark-lsp"


def _writable_parent(path: Path) -> bool:
    """Tell whether `path` exists or can be created: without a session manager, /run/user/ID is missing."""
    while not path.exists():
        path = path.parent
    return os.access(path, os.W_OK | os.X_OK)


def _find_short_directory(path: Path) -> Path:
    """Return a private directory with a short path, the same for the same request and the same home."""
    wish = f"{path}\0{os.path.expanduser('~')}"
    digest = hashlib.blake2b(os.fsencode(wish), digest_size=6).hexdigest()
    user = os.getuid() if hasattr(os, "getuid") else 0
    name = f"spark-lsp-{user}-{digest}"
    usual = private_directory(name) or Path(tempfile.gettempdir()) / name
    if fits_socket(usual / "gateway.sock") or os.name != "posix":
        return usual
    return private_directory(name, Path("/tmp")) or usual  # the system's default, if TMPDIR is too deep


def fits_socket(path: Path) -> bool:
    """Tell whether `path` is short enough for a Unix socket; its name may grow by a process id."""
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT


def _is_own(path: Path) -> bool:
    return os.name != "posix" or path.lstat().st_uid == os.getuid()


def _private(path: Path) -> Path:
    if os.name != "posix":
        return path
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise GatewayError(
            f"{path} belongs to another user",
            "The gateway's socket and token would not be private there",
            "Remove it, or name another place in SPARK_LSP_RUNTIME_DIR",
        )
    path.chmod(0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only the user can read, completely or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)  # mkstemp creates it with mode 600
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def read_state(where: Path, file: str = STATE_FILE) -> State | None:
    """Return the contents of a state file in `where`; None if it is missing or damaged."""
    try:
        return msgspec.json.decode((where / file).read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return None


def write_state(where: Path, state: State, file: str = STATE_FILE) -> None:
    """Publish a gateway."""
    write_private(where / file, msgspec.json.encode(asdict(state)).decode())


def remove_state(where: Path, pid: int, file: str = STATE_FILE) -> None:
    """Withdraw the state if it is still that of process `pid`."""
    state = read_state(where, file)
    if state is not None and state.pid == pid:
        (where / file).unlink(missing_ok=True)
