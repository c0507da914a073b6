"""The simulated paces of the playground, and the user's own time per request to compare them with.

A pace is a wafer engine over the text of another engine, or over a sample text that comes with the page.
The engine reads the text to its end first, so that the machine's pace is exact. Both kinds of machine wait
equally long for their first token, as in `spark-lsp simulate feel`: the comparison is of the pace alone.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from spark_lsp.config import Profile, ReplaySettings, WaferSettings
from spark_lsp.engine.base import Engine
from spark_lsp.engine.replay import ReplayEngine
from spark_lsp.engine.wafer.engine import WaferEngine
from spark_lsp.engine.wafer.machines import session, table
from spark_lsp.simulate import feel

SAMPLE = ""  # in place of an engine's name
WAFER = "codex-spark"
GPU = "gpu"
GPU_TOKENS_PER_S = 65.0


@dataclass(frozen=True, slots=True)
class Pace:
    """A simulated machine: its profile, its speed for one user, and the text that the page shows about it."""

    title: str
    profile: str
    tokens_per_s: float
    note: str


def _make_paces() -> Mapping[str, Pace]:
    parameters = table().wafer
    error = (
        f"a configuration, not a claim; predictions of this model are off by ±{parameters.error_median:.0%} "
        f"typically, up to a factor of {1 + parameters.error_worst:.1f}"
    )
    gpu = "a given pace, not measured on a GPU; it waits for its first token as long as the wafer does"
    return MappingProxyType(
        {
            "wafer-1000": Pace("Wafer at 1,000 tokens/s", WAFER, 1000.0, error),
            "wafer-4000": Pace("Wafer at 4,000 tokens/s", WAFER, 4000.0, error),
            "gpu-65": Pace("GPU at 65 tokens/s", GPU, GPU_TOKENS_PER_S, gpu),
        }
    )


@functools.lru_cache(maxsize=1)
def list_paces() -> Mapping[str, Pace]:
    """Return the paces by name."""
    return _make_paces()


def make_pace_engine(name: str, source: Engine) -> Engine:
    """Return the engine that plays the text of `source` at the pace `name`."""
    pace = list_paces()[name]
    settings = WaferSettings(profile=pace.profile, tokens_per_s=pace.tokens_per_s, buffer=True)
    return WaferEngine(name, settings, lambda _: source, {GPU: _gpu_profile(), **table().profiles})


def _gpu_profile() -> Profile:
    """Return a machine that sends one token at a time, with the wafer's wait before the first one."""
    wafer = table().profiles[WAFER]
    return Profile(
        model="GPU (simulated)",
        tokens_per_s=GPU_TOKENS_PER_S,
        context_tokens=wafer.context_tokens,
        kv_tokens=wafer.kv_tokens,
        prefill_tokens_per_s=wafer.prefill_tokens_per_s,
        overhead_ms=wafer.overhead_ms,
    )


def make_sample_engine() -> Engine:
    """Return the engine whose answer is the sample text, whatever the prompt."""
    text = files("spark_lsp.gateway.page") / "static" / "sample.txt"
    return ReplayEngine("sample", ReplaySettings(text=str(text), tokens_per_s=0, delay_ms=0))


@functools.lru_cache(maxsize=1)
def own_seconds() -> float:
    """Return the seconds of thinking, typing and tools per request, in the session of `simulate feel`."""
    steps = feel.read_session(session())
    own = sum(step.seconds for step in steps if step.kind not in feel.ASKING)
    return own / sum(step.kind in feel.ASKING for step in steps)
