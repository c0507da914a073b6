"""The engines that the suite `frontier` compares: those named by the user, or the embedded models at hand."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spark_lsp.app import config_path, load_settings
from spark_lsp.bench.quality import CONFIGURATION
from spark_lsp.budget.prices import FREE, Price
from spark_lsp.client.settings import with_engine
from spark_lsp.engine.metered.prices import find_price
from spark_lsp.errors import ConfigError, ModelError
from spark_lsp.models import paths, registry

_SHOW_EVERYTHING: Mapping[str, Any] = {"completion": {"threshold": 0}}  # a hidden answer would count as none


@dataclass(frozen=True, slots=True)
class Candidate:
    """One engine with one effort: the editor's `settings` and the gateway's `configuration` (TOML).

    Without a configuration, the gateway uses the user's own config.toml.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    configuration: str = ""
    price: Price | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Variables that the language server needs in addition."""
        return {} if self.configuration else {"SPARK_LSP_CONFIG": str(config_path())}


def choose_candidates(
    names: Sequence[str], efforts: Sequence[str] = (), prices: Mapping[str, Price] | None = None
) -> list[Candidate]:
    """Return the engines to compare. Raises `ConfigError` for an unknown name."""
    chosen = names or [model.name for model in registry.MODELS if paths.is_installed(model)]
    if not chosen:
        raise ConfigError(
            "No embedded model is on this machine",
            "Nothing was measured",
            "Run: spark-lsp model pull; or name engines of config.toml with --engine",
        )
    known = prices or {}
    if wrong := [each for each in known if each not in chosen]:
        raise ConfigError(f"--price names {wrong[0]!r}, which is not measured", "Nothing was measured")
    return [
        _make_candidate(name, effort, known.get(name)) for name in chosen for effort in (efforts or ("",))
    ]


def read_prices(given: Sequence[str]) -> dict[str, Price]:
    """Read prices as NAME=IN/OUT, money per million tokens. Raises `ConfigError` that quotes a wrong one."""
    prices: dict[str, Price] = {}
    for each in given:
        name, _, both = each.rpartition("=")
        read, _, written = both.partition("/")
        try:
            prices[name] = Price(float(read), float(written))
        except ValueError:
            prices[name] = Price(-1.0, -1.0)
        values = (prices[name].input, prices[name].output)
        if not name or not all(math.isfinite(value) and value >= 0 for value in values):
            raise ConfigError(
                f"--price {each} is not NAME=IN/OUT", "Nothing was measured", "Give e.g. x=0.35/0.75"
            )
    return prices


def _make_candidate(name: str, effort: str, price: Price | None) -> Candidate:
    label = f"{name}, effort {effort}" if effort else name
    settings: dict[str, Any] = {**_SHOW_EVERYTHING, **({"edit": {"effort": effort}} if effort else {})}
    loaded = load_settings()[0]
    engines = loaded.engines
    if name in engines and os.path.exists(config_path()):
        return Candidate(label, {**settings, **with_engine(name)}, "", price or find_price(loaded, name))
    try:
        model = registry.find(name)
    except ModelError as error:
        known = ", ".join([*engines, *(each.name for each in registry.MODELS)])
        raise ConfigError(
            f"{name!r} is neither an engine nor an embedded model",
            "Nothing was measured",
            f"Choose from {known}",
        ) from error
    if not paths.is_installed(model):
        raise ConfigError(
            f"The model {model.name} is not on this machine",
            "Nothing was measured",
            f"Run: spark-lsp model pull {model.name}",
        )
    return Candidate(label, settings, CONFIGURATION.format(model.name), price or FREE)
