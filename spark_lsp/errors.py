"""The errors of spark-lsp, one small tree.

    SparkError
    ├── ConfigError            a setting or a command line that cannot be used
    ├── TextError              a position, range or version that is not in the document
    ├── ProtocolError
    │   ├── LocalProtocolError     we violated the wire protocol: a bug of ours
    │   └── RemoteProtocolError    the peer violated the protocol; carries the wire's error code
    ├── GatewayError           the gateway cannot be found, started or reached
    ├── ModelError             model weights that are missing, damaged or cannot be fetched
    ├── StoreError             a file of our own state that cannot be used
    ├── EngineError            an engine that failed or cannot serve
    ├── ArgumentError          an argument of a command that cannot be used
    └── EditRefused            a proposal that spark-lsp does not apply, with the reason

Every message has three parts: the event, its effect for the user, and the remedy. Editors show messages, so
these never contain the user's code, keys or tracebacks. Each error also has a `code` for programs: wordings
may change, so no program compares messages.
"""

from typing import cast

from spark_lsp.codes import Code


class SparkError(Exception):
    """Base of all errors that a user may see.

    `what` is the event, `meaning` its effect for the user, `remedy` the action to take; each without its
    final full stop. `meaning` and `remedy` may be empty. `code` identifies the event for programs; each class
    has a default.
    """

    code: Code = Code.ERROR

    def __init__(self, what: str, meaning: str = "", remedy: str = "", *, code: Code | None = None) -> None:
        self.what = what
        self.meaning = meaning
        self.remedy = remedy
        if code is not None:
            self.code = code
        super().__init__(what)

    def __str__(self) -> str:
        return ". ".join(part.rstrip(".") for part in (self.what, self.meaning, self.remedy) if part) + "."


class ConfigError(SparkError):
    """A setting, a file of settings or a command line cannot be used."""

    code = Code.CONFIG_ERROR


class TextError(SparkError):
    """A position, a range or a version is not in the document."""

    code = Code.TEXT_ERROR


class ProtocolError(SparkError):
    """A violation of the wire protocol."""

    code = Code.PROTOCOL_ERROR


class LocalProtocolError(ProtocolError):
    """We violated the wire protocol: a bug of spark-lsp."""


class RemoteProtocolError(ProtocolError):
    """The peer violated the wire protocol, or reported an error."""

    code = Code.INVALID_REQUEST


class GatewayError(SparkError):
    """The gateway cannot be found, started or reached.

    `retry_after` is the pause that it asked for, in seconds; 0 if it asked for none.
    """

    code = Code.GATEWAY_UNAVAILABLE

    def __init__(
        self,
        what: str,
        meaning: str = "",
        remedy: str = "",
        *,
        code: Code | None = None,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(what, meaning, remedy, code=code)
        self.retry_after = retry_after


class ModelError(SparkError):
    """Model weights are missing, damaged, or cannot be fetched."""

    code = Code.MODEL_UNAVAILABLE


class StoreError(SparkError):
    """A file of spark-lsp's own state cannot be read or written."""


class EngineError(SparkError):
    """An engine failed or cannot serve.

    `retryable`: another engine may answer instead. `retry_after`: the pause that the engine asked for, in
    seconds; 0 if it asked for none.
    """

    code = Code.ENGINE_FAILED

    def __init__(
        self,
        what: str,
        meaning: str = "",
        remedy: str = "",
        *,
        code: Code | None = None,
        retryable: bool = True,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(what, meaning, remedy, code=code)
        self.retryable = retryable
        self.retry_after = retry_after


class ArgumentError(SparkError):
    """An argument of a command is invalid; the command did nothing."""

    code = Code.INVALID_ARGUMENT


class EditRefused(SparkError):
    """A proposed edit is not applied; the document is unchanged."""

    code = Code.EDIT_REFUSED


def origin(error: BaseException) -> str:
    """Return type and place of an unexpected error, for a log: its message may hold the user's code."""
    while isinstance(error, BaseExceptionGroup):
        error = cast(BaseExceptionGroup[BaseException], error).exceptions[0]
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f" at {frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame is not None else ""
    return f"{type(error).__name__}{place}"
