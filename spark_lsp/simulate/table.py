"""The table of parameters, architectures and published speeds, read from text into values. Pure.

`parameters.toml` contains every number of the simulator beside its source. `architectures.csv` describes the
models, `wafer_published.csv` the published speeds that the wafer's two numbers were fitted on.
"""

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar, cast

from spark_lsp.config import Profile, read_profiles
from spark_lsp.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Architecture:
    """One model: the values that decide its speed. `kv_bytes` is for one token in one layer, at 16 bits."""

    name: str
    layers: int
    kv_bytes: float
    total_params: float
    active_params: float
    experts: int
    experts_active: int

    @property
    def kv_bytes_per_token(self) -> float:
        """Bytes of context memory that one token takes in all layers."""
        return self.kv_bytes * self.layers


@dataclass(frozen=True, slots=True)
class WaferParameters:
    """`[wafer]` of the table; the name of each time contains its unit."""

    layer_us: float
    speculation: float
    error_median: float
    error_worst: float
    memory_bytes: float
    prefill_flops: float
    overhead_ms: float
    burst: float
    cache_block_tokens: float
    cache_s: float


@dataclass(frozen=True, slots=True)
class GpuParameters:
    """`[gpu]` of the table."""

    bandwidth_share: float
    layer_us: float
    flops_share: float
    request_us: float
    other_engines: float
    blackwell: float
    error_median: float
    error_p90: float
    error_worst: float
    prompt_factor: float
    first_steps: float
    ttft_error: float
    most_users: float


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU: bytes per second, 16-bit operations per second, bytes."""

    name: str
    bandwidth: float
    flops: float
    memory_bytes: float


@dataclass(frozen=True, slots=True)
class Published:
    """One published speed of one user on a wafer, in tokens per second."""

    name: str
    architecture: Architecture
    tokens_per_s: float
    speculation: bool
    bytes_per_weight: float
    use: str


@dataclass(frozen=True, slots=True)
class Table:
    """All parameters, models and published speeds."""

    wafer: WaferParameters
    gpu: GpuParameters
    gpus: Mapping[str, Gpu]
    profiles: Mapping[str, Profile]
    architectures: Mapping[str, Architecture]
    published: tuple[Published, ...]


def read(parameters: str, architectures: str, published: str) -> Table:
    """Read the three files' texts. Raises `ConfigError` that names the line or the key."""
    values = _read_toml(parameters)
    models = read_architectures(architectures)
    profiles, problems = read_profiles(values.get("profiles", {}), "parameters.toml")
    if problems:
        raise ConfigError(str(problems[0]), "Nothing can be simulated")
    return Table(
        _make_sourced(values, "wafer", WaferParameters),
        _make_sourced(values, "gpu", GpuParameters),
        {name: _make_gpu(name, each) for name, each in values.get("gpus", {}).items()},
        profiles,
        models,
        read_published(published, models),
    )


def _read_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"parameters.toml is not valid TOML: {error}", "Nothing can be simulated"
        ) from error


def _make_sourced(values: Mapping[str, Any], section: str, kind: type[T]) -> T:
    """Read `[section]`, in which each key has `{ value, source }`."""
    table = cast(Mapping[str, Any], values.get(section, {}))
    read: dict[str, float] = {}
    for each in fields(cast(Any, kind)):
        entry = table.get(each.name)
        value = cast(Mapping[str, Any], entry).get("value") if isinstance(entry, Mapping) else None
        if not isinstance(value, int | float) or value < 0:
            raise ConfigError(
                f"parameters.toml: {section}.{each.name} must be {{ value, source }}, the value at least 0",
                "Nothing can be simulated",
            )
        read[each.name] = float(value)
    return kind(**read)


def _make_gpu(name: str, entry: Mapping[str, Any]) -> Gpu:
    return Gpu(name, entry["bandwidth"], entry["flops"], entry["memory_bytes"])


def read_architectures(text: str) -> dict[str, Architecture]:
    """Read `architectures.csv`; parameters there are in billions."""
    return {
        row["architecture"]: Architecture(
            row["architecture"],
            int(row["layers"]),
            float(row["kv_bytes_per_token_per_layer_16bit"]),
            float(row["total_params_b"]) * 1e9,
            float(row["active_params_b"]) * 1e9,
            int(row["experts"]),
            int(row["experts_active"]),
        )
        for row in csv.DictReader(text.splitlines())
    }


def read_published(text: str, models: Mapping[str, Architecture]) -> tuple[Published, ...]:
    """Read `wafer_published.csv`."""
    return tuple(
        Published(
            row["name"],
            models[row["architecture"]],
            float(row["tokens_per_s"]),
            row["speculation"].startswith("yes"),
            float(row["bytes_per_weight"]),
            row["use"],
        )
        for row in csv.DictReader(text.splitlines())
    )
