"""The errors of spark-lsp, one small tree.

    SparkError
    ├── ConfigError            a setting or a command line that cannot be used
    ├── TextError              a position, range or version that does not fit the document
    ├── ProtocolError
    │   ├── LocalProtocolError     we broke a rule of the wire: a bug of ours
    │   └── RemoteProtocolError    the other side broke a rule; carries the wire's error code
    ├── GatewayError           the gateway cannot be found, started or reached
    ├── ModelError             model weights that are missing, damaged or cannot be fetched
    ├── EngineError            an engine that failed or cannot serve
    ├── ArgumentError          an argument of a command that cannot be used
    └── EditRefused            a proposal that will not be applied, with the reason

Every message is made of three parts: what happened, what that means for the person, and what they
can do. Messages are shown in editors, so they never hold code of the user, keys or tracebacks. Each error
also has a `code` for programs: messages may be reworded, so no program compares them.
"""

from typing import cast

from spark_lsp.codes import Code


class SparkError(Exception):
    """Base of all errors a person may see.

    `what` says what happened, `meaning` what it means for the user, `remedy` what to do about it;
    each is a clause without its final stop, and `meaning` and `remedy` may be empty. `code` says for programs
    what happened; each class has one that is used where none is given.
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
    """A position, a range or a version does not fit the document it was meant for."""

    code = Code.TEXT_ERROR


class ProtocolError(SparkError):
    """A rule of the wire was broken."""

    code = Code.PROTOCOL_ERROR


class LocalProtocolError(ProtocolError):
    """We broke a rule of the wire ourselves: a bug of spark-lsp."""


class RemoteProtocolError(ProtocolError):
    """The peer broke a rule of the wire, or reported an error."""

    code = Code.INVALID_REQUEST


class GatewayError(SparkError):
    """The gateway cannot be found, started or reached."""

    code = Code.GATEWAY_UNAVAILABLE


class ModelError(SparkError):
    """Model weights are missing, damaged, or cannot be fetched."""

    code = Code.MODEL_UNAVAILABLE


class EngineError(SparkError):
    """An engine failed or cannot serve.

    `code` is `ENGINE_FAILED` where none is given; `retryable` tells whether another engine may be asked
    instead; `retry_after` are the seconds for which the engine asked to be left alone.
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
    """An argument of a command is not what the command takes; nothing was done."""

    code = Code.INVALID_ARGUMENT


class EditRefused(SparkError):
    """A proposed edit will not be applied; the document is as it was."""

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
