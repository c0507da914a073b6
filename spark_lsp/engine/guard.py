"""Engines seen through a guard: whatever one of them raises becomes an `EngineError`, and nothing else fails.

`engine.base` says what an engine may raise. An engine is other people's servers, native code and this
project's mistakes, so the gateway does not rely on it: each place that calls an engine does so through these.
"""

import anyio

from spark_lsp.codes import Code
from spark_lsp.engine.base import Engine, ReasoningEngine
from spark_lsp.errors import EngineError, origin
from spark_lsp.request import EngineInfo, Focus
from spark_lsp.supervise import call_guarded, log_failure

CLOSE_WAIT = 5.0  # seconds an engine has to free its resources
_known: set[str] = set()  # places of failures that were logged


def failure_of(work: object, error: Exception) -> EngineError:
    """Return what `work` on an answer raised as an `EngineError`; log the place of an unexpected one."""
    if isinstance(error, EngineError):
        return error
    log_failure(work, error)
    return EngineError("The engine failed unexpectedly", "Nothing was inserted", "Try again")


def info_of(engine: Engine, name: str = "") -> EngineInfo:
    """Return what an engine says of itself; one that cannot say it is off."""
    try:
        return engine.info
    except Exception as error:
        if (place := origin(error)) not in _known:  # `info` is read many times a second
            _known.add(place)
            log_failure(type(engine), error)
        reason = "The engine failed unexpectedly"
        return EngineInfo(name, "unknown", "", state="off", reason=reason, code=Code.ENGINE_FAILED)


def reasoning_timeout_of(engine: Engine) -> float:
    """Return the engine's `reasoning_timeout_s`; 0 if its model does not reason, as far as it knows."""
    try:
        return engine.reasoning_timeout_s if isinstance(engine, ReasoningEngine) else 0.0
    except EngineError:  # such as a wafer engine without a source
        return 0.0
    except Exception as error:
        log_failure(type(engine), error)
        return 0.0


def observe(engine: Engine, focus: Focus) -> None:
    """Pass a hint to an engine; a hint that fails is lost."""
    call_guarded(engine.observe, focus)


async def close_engine(engine: Engine) -> None:
    """Stop an engine for good, within `CLOSE_WAIT` seconds; never raises."""
    with anyio.move_on_after(CLOSE_WAIT):
        try:
            await engine.aclose()
        except Exception as error:
            log_failure(engine.aclose, error)
