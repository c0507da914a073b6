"""The simulated machines by name: the package's table, and a user's own profiles over it."""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from spark_lsp.config import Profile
from spark_lsp.errors import ConfigError
from spark_lsp.simulate.gpu import GpuMachine, gpus
from spark_lsp.simulate.table import Table, read
from spark_lsp.simulate.wafer import Wafer, wafer


@lru_cache(maxsize=1)
def table() -> Table:
    """Return the package's table of parameters."""
    folder = files("spark_lsp.simulate") / "data"
    names = ("parameters.toml", "architectures.csv", "wafer_published.csv")
    return read(*((folder / name).read_text("utf-8") for name in names))


def wafer_of(name: str, own: Mapping[str, Profile]) -> Wafer:
    """Return the wafer of a profile; a user's own goes before the package's of the same name.

    Raises `ConfigError` for a profile that does not exist or cannot be one.
    """
    known = {**table().profiles, **own}
    if name not in known:
        raise ConfigError(
            f"There is no profile {name!r}",
            "This machine cannot be simulated",
            f"Choose from {', '.join(known)}, or add profiles.{name} to config.toml",
        )
    return wafer(name, known[name], table())


def machine_of(name: str, own: Mapping[str, Profile]) -> Wafer | GpuMachine:
    """Return a wafer by its profile, or GPUs by `GPU/xCOUNT/MODEL`. Raises `ConfigError`."""
    return gpus(name, table()) if "/" in name else wafer_of(name, own)


def session() -> str:
    """Return the text of the made-up session that the package brings."""
    return (files("spark_lsp.simulate") / "data" / "session.csv").read_text("utf-8")
