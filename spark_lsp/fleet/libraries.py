"""Ray, which is an optional package without types for its users; no other file imports it."""

from importlib import import_module
from typing import Any

from spark_lsp.errors import ConfigError


def import_ray(module: str = "ray") -> Any:
    """Return Ray or one of its modules. Raises `ConfigError` if Ray is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"Ray Serve is not installed (there is no package {error.name})",
            "The fleet was not started",
            "Run: pip install 'spark-lsp[fleet]'",
        ) from error
