r"""Converts between text and frames.

Only the `type` of a message is parsed first; the rest is parsed as that type demands. An unknown type
therefore costs nothing and is ignored. A known type with wrong fields raises `WrongFields`, which names the
lane, so that one bad request need not end the others. For any input, `RemoteProtocolError` is the only error.

An editor's text may contain lone surrogates (in JSON, ``\ud800``), which UTF-8 cannot represent and msgspec
rejects. The standard library then reads the message, or writes it in ASCII with escapes.
"""

import json
import math
from typing import Any, TypeVar

import msgspec

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.wire.frames import (
    Auth,
    Cancel,
    Challenge,
    ClientFrame,
    Configure,
    Create,
    DocCheck,
    DocChunk,
    DocClose,
    DocEdit,
    DocFocus,
    DocOpen,
    DocResync,
    ErrorEvent,
    GiveCredit,
    GoAway,
    Hello,
    Resume,
    Status,
    Steer,
)
from spark_lsp.wire.response_frames import (
    Broken,
    Completed,
    Created,
    CutShort,
    Delta,
    DraftFrame,
    Terminal,
    TimingFrame,
)

T = TypeVar("T")

CLIENT_FRAMES: dict[str, type[ClientFrame]] = {
    "response.create": Create,
    "response.steer": Steer,
    "response.cancel": Cancel,
    "spark.credit": GiveCredit,
    "spark.resume": Resume,
    "spark.configure": Configure,
    "spark.doc.open": DocOpen,
    "spark.doc.chunk": DocChunk,
    "spark.doc.edit": DocEdit,
    "spark.doc.check": DocCheck,
    "spark.doc.focus": DocFocus,
    "spark.doc.close": DocClose,
}

ServerFrame = (
    Hello | Status | DocResync | GoAway | TimingFrame | DraftFrame | Delta | ErrorEvent | Created | Terminal
)

SERVER_FRAMES: dict[str, type[ServerFrame]] = {
    "spark.hello": Hello,
    "spark.status": Status,
    "spark.doc.resync": DocResync,
    "spark.goaway": GoAway,
    "spark.timing": TimingFrame,
    "spark.draft": DraftFrame,
    "response.created": Created,
    "response.completed": Completed,
    "response.incomplete": CutShort,
    "response.failed": Broken,
    "response.output_text.delta": Delta,
    "error": ErrorEvent,
}


# Before hello, where each side proves that it knows the token.
AUTH_FRAMES: dict[str, type[Auth]] = {"spark.auth": Auth}
CHALLENGE_FRAMES: dict[str, type[Challenge]] = {"spark.challenge": Challenge}


class WrongFields(RemoteProtocolError):
    """A message of a known type with wrong fields; `stream_id` is the one of the message."""

    def __init__(self, what: str, kind: str, stream_id: Any) -> None:
        super().__init__(what, code=Code.INVALID_REQUEST)
        self.kind = kind
        self.stream_id = stream_id if isinstance(stream_id, str) else None


class _Envelope(msgspec.Struct):
    type: str = ""
    stream_id: Any = None


_TYPE = '{"type":"'
_envelope = msgspec.json.Decoder(_Envelope)
_encoder = msgspec.json.Encoder()


def decode(message: str | bytes, kinds: dict[str, type[T]]) -> tuple[str, T | None]:
    """Return `(type, frame)`; the frame is None for a type that `kinds` does not hold.

    Raises `WrongFields` for a known type, else `RemoteProtocolError` unless it is a JSON object in text.
    """
    if isinstance(message, bytes):
        raise RemoteProtocolError("A binary message came where text is due", code=Code.INVALID_MESSAGE)
    if (named := _decode_fast(message, kinds)) is not None:
        return named
    envelope = _decode(_envelope, message)
    name = envelope.type
    kind = kinds.get(name)
    if kind is None:
        return name, None
    try:
        return name, _decode(_decoder(kind), message)
    except RemoteProtocolError as error:
        raise WrongFields(error.what, name, envelope.stream_id) from error


def _decode_fast(message: str, kinds: dict[str, type[T]]) -> tuple[str, T] | None:
    """Parse a valid message in one pass if its type comes first, as our peers write it; else return None."""
    if not message.startswith(_TYPE):
        return None
    name = message[len(_TYPE) : message.find('"', len(_TYPE))]
    kind = kinds.get(name)
    try:
        return None if kind is None else (name, _decoder(kind).decode(message))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None  # the slower way below reports the error with its lane


def encode(frame: msgspec.Struct | dict[str, Any]) -> str:
    """Return the message for a frame or a plain event."""
    try:
        return _encoder.encode(frame).decode()
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(frame), allow_nan=False)


_decoders: dict[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind)
    for kind in {*CLIENT_FRAMES.values(), *SERVER_FRAMES.values(), Auth, Challenge}
}


def _decoder(kind: type[T]) -> "msgspec.json.Decoder[T]":
    return _decoders[kind]


def _decode(decoder: "msgspec.json.Decoder[T]", message: str | bytes) -> T:
    try:
        return decoder.decode(message)
    except UnicodeEncodeError:
        return _decode_with_surrogates(decoder, message)
    except (msgspec.DecodeError, RecursionError) as error:
        if isinstance(message, str) and "\\ud" in message.lower():
            return _decode_with_surrogates(decoder, message)
        raise _parse_error(error) from error


def _decode_with_surrogates(decoder: "msgspec.json.Decoder[T]", message: str | bytes) -> T:
    try:
        plain = json.loads(message, parse_constant=_parse_finite, parse_float=_parse_finite)
        return msgspec.convert(plain, type=decoder.type)
    except (ValueError, msgspec.ValidationError, RecursionError) as error:  # no ValueError in msgspec 0.20
        raise _parse_error(error) from error


def _parse_finite(number: str) -> float:
    """Return a number; the standard library would take more of them than JSON has, or than we can write."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    return value


def _parse_error(error: Exception) -> RemoteProtocolError:
    deep = isinstance(error, RecursionError)
    reason = "it is nested too deeply" if deep else str(error)
    return RemoteProtocolError(f"A message could not be read: {reason}", code=Code.INVALID_MESSAGE)
