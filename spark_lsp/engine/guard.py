"""Guarded calls of engines: each exception of an engine becomes an `EngineError`, and nothing else fails.

`engine.base` defines the errors that an engine may raise. Engines depend on remote servers, native code and
our own mistakes, so the gateway does not rely on that contract: it calls engines only through these
functions.
"""

import anyio

from spark_lsp.codes import Code
from spark_lsp.engine.base import Engine, ReasoningEngine
from spark_lsp.errors import EngineError, origin
from spark_lsp.request import EngineInfo, Focus
from spark_lsp.supervise import call_guarded, log_failure

FREE_KINDS = ("local", "replay")
CLOSE_TIMEOUT_S = 5.0  # for an engine to free its resources
_logged: set[str] = set()  # places of failures that the log already has


def failure_of(work: object, error: Exception) -> EngineError:
    """Return an error that `work` has raised as an `EngineError`; log the place of an unexpected one."""
    if isinstance(error, EngineError):
        return error
    log_failure(work, error)
    return EngineError("The engine failed unexpectedly", "Nothing was inserted", "Try again")


def info_of(engine: Engine, name: str = "") -> EngineInfo:
    """Return the engine's `info`. An engine whose `info` fails counts as off."""
    try:
        return engine.info
    except Exception as error:
        if (place := origin(error)) not in _logged:  # `info` is read many times a second
            _logged.add(place)
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


def price_of(engine: Engine, info: EngineInfo) -> float | None:
    """Return the price of a million tokens of input; 0 for an engine that costs nothing, None if unknown."""
    price: object = getattr(engine, "price", None)  # of engines with accounts
    if isinstance(price, int | float):
        return float(price)
    return 0.0 if info.is_free or info.kind in FREE_KINDS else None


def observe(engine: Engine, focus: Focus) -> None:
    """Pass a hint to an engine; ignore a failure."""
    call_guarded(engine.observe, focus)


async def close_engine(engine: Engine) -> None:
    """Stop an engine for good, within `CLOSE_TIMEOUT_S` seconds; never raises."""
    with anyio.move_on_after(CLOSE_TIMEOUT_S):
        try:
            await engine.aclose()
        except Exception as error:
            log_failure(engine.aclose, error)
