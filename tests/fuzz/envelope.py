"""Target: the wire's codec, given any text as a message.

A message is a frame, None for an unknown type, or the one error of the wire with its code. A frame can be
written again, always as UTF-8, and what was written reads as the same frame.
"""

import json
from functools import lru_cache
from typing import Any, get_args

import msgspec

from spark_lsp.errors import RemoteProtocolError
from spark_lsp.wire import codec, frames, response_frames

OBJECTS = (
    '{"task":"edit","parts":[{"kind":"prefix","doc":"d1","version":1,"range":[0,5]}]}',
    '{"id":"r1","usage":{"input_tokens":1,"output_tokens":2},"spark":{"engine":"e","model":"m"}}',
    '{"queue_ms":1,"simulated":true}',
    '{"code":"a","message":"\\ud800"}',
    '[{"name":"e","kind":"k","model":"m","state":"off"}]',
)
PLAINER = r"""
    null true 0 -1 7 4294967296 9999999999999999999999999 1.5 1e999 NaN -Infinity tru [[[[]]]]
    "" "a" "d1" "ic.0" "edit" "high" "ready" "é😀" "\ud800" "\uDC00\ud83d" "\ud83d\ude00"
    [] {} [1,2] [0,0,0] [0,0,"x"] [[0,1,"x"]] [[0,1,"\ud800"]] ["a"] [[]]
    {"a":1} {"a":["b"]} {"\ud800":NaN} {"a":1e999}
"""
VALUES = (*OBJECTS, *PLAINER.split(), '"\ud800"')


def names(kind: type) -> list[str]:
    """Return the fields of a frame and, below them, those of what it holds."""
    fields = list(msgspec.structs.fields(kind))
    inner = [each for field in fields for each in _structs(field.type)]
    return [field.encode_name for field in fields] + [name for each in inner for name in names(each)]


def _structs(kind: Any) -> list[type]:
    found = [each for arg in get_args(kind) for each in _structs(arg)]
    return [*found, kind] if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else found


KINDS = {**codec.CLIENT_FRAMES, **codec.SERVER_FRAMES}
PLAIN = {
    int: "1",
    str: '"a"',
    response_frames.SparkTiming: "{}",
    response_frames.ResponseBody: "{}",
    frames.ErrorBody: "{}",
}
FIELDS = {name: [*names(kind), "stream_id", "type", "zzz"] for name, kind in KINDS.items()}


def TestOneInput(data: bytes) -> None:
    """The first byte says how the others become a message: as text, or as fields and values of a frame."""
    way, rest = (data[0], data[1:]) if data else (0, b"")
    if way & 1:
        read(built(rest))
    else:
        read(rest if way == 254 else rest.decode("utf-8", "surrogateescape" if way & 2 else "replace"))


def built(data: bytes) -> str:
    """Return a frame of the kind that the first byte names, with the fields changed that later pairs name.

    A field that comes twice counts as it stands last; some values begin an object, some end one.
    """
    codes = iter(data)
    name = list(KINDS)[next(codes, 0) % len(KINDS)]
    message, depth = _sample(name), 1
    for field, value in zip(codes, codes, strict=False):
        key = FIELDS[name][field % len(FIELDS[name])]
        message += "," * (message[-1] != "{") + f'"{key}":'
        message += "{" if value >= 240 else VALUES[value % len(VALUES)]
        depth += value >= 240
        if depth > 1 and 200 <= value < 240:
            message, depth = message + "}", depth - 1
    return message + "}" * depth


@lru_cache
def _sample(name: str) -> str:
    """Return the beginning of a message in which every field that must be there is."""
    due = [field for field in msgspec.structs.fields(KINDS[name]) if field.required]
    return "{" + ",".join(
        [f'"type":"{name}"', *(f'"{each.encode_name}":{PLAIN.get(each.type, "[]")}' for each in due)]
    )


def read(message: str | bytes) -> None:
    """Read a message as both sides do."""
    tables: Any = (codec.CLIENT_FRAMES, codec.SERVER_FRAMES)
    for kinds in tables:
        try:
            name, frame = codec.decode(message, kinds)
        except RemoteProtocolError as error:
            check_refusal(error, kinds)
        else:
            check(name, frame, kinds)


def check_refusal(error: RemoteProtocolError, kinds: dict[str, type[Any]]) -> None:
    """What cannot be read says so; a frame that is wrong names its kind and its lane."""
    str(error).encode("utf-8", "surrogatepass")
    if isinstance(error, codec.WrongFields):
        assert error.code == "invalid_request_error"
        assert error.kind in kinds
        assert error.stream_id is None or isinstance(error.stream_id, str)
    else:
        assert error.code == "invalid_message"


def check(name: str, frame: Any, kinds: dict[str, type[Any]]) -> None:
    """A frame comes back as it was; a public event has no tag of its own, so it gets its type here."""
    assert (frame is None) == (name not in kinds)
    if frame is None:
        return
    assert type(frame) is kinds[name]
    written = codec.encode(frame)
    written.encode()
    fields = json.loads(written)
    assert codec.decode(json.dumps({**fields, "type": name}), kinds) == (name, frame)
