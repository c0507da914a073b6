"""`spark-lsp complete FILE:LINE:COL`: ghost text at one position, through the real language server."""

import argparse
import re
import sys
from typing import Any

import anyio
import msgspec

from spark_lsp.cli import NOTHING, OK
from spark_lsp.cli.engine import settings_for
from spark_lsp.cli.waiting import add_timeout
from spark_lsp.client.answers import Suggestion
from spark_lsp.client.editor import editing
from spark_lsp.client.files import SourceFile, offset_of, read_source
from spark_lsp.codes import to_known_code
from spark_lsp.session.reasons import explains, sentence
from spark_lsp.text.document import Document

TIMEOUT_S = 120.0
_PLACE = re.compile(r"(?P<file>.+):(?P<line>\d+):(?P<column>\d+)", re.DOTALL)


def place(word: str) -> tuple[str, int, int]:
    """Read `FILE:LINE:COL`; the file name may contain colons."""
    match = _PLACE.fullmatch(word)
    if match is None:
        raise argparse.ArgumentTypeError(f"{word!r} is not FILE:LINE:COL")
    return match["file"], int(match["line"]), int(match["column"])


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "place", type=place, metavar="FILE:LINE:COL", help="the position; 1-based, COL in code points"
    )
    parser.add_argument("--engine", metavar="NAME", help="ask this engine instead of the configured route")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_timeout(parser, TIMEOUT_S, "the completion, including the start of server, gateway and model")


def run(arguments: argparse.Namespace) -> int:
    """Print the completion, or the reason on stderr if there is no completion."""
    name, line, column = arguments.place
    file = read_source(name)
    offset = offset_of(file, line, column)
    found = anyio.run(_complete, file, offset, settings_for(arguments.engine), arguments.timeout)
    if arguments.json:
        print(msgspec.json.encode(as_json(file, found)).decode())
    elif found.text:
        print(found.text)
    if not found.text:
        print(f"spark-lsp: no completion: {_explain_absence(found)}", file=sys.stderr)
    return OK if found.text else NOTHING


def _explain_absence(found: Suggestion) -> str:
    """Return why there is no completion, in words."""
    code = to_known_code(found.code, None)
    return sentence(code, found.status.detail or "") if explains(code) else found.reason


async def _complete(file: SourceFile, offset: int, settings: dict[str, Any], limit_s: float) -> Suggestion:
    async with editing(settings, file.path.parent, limit_s=limit_s) as editor:
        editor.open(file.uri, file.text, file.language)
        return await editor.complete(file.uri, offset, limit_s)
    raise AssertionError("never reached: the block returns or raises")


def as_json(file: SourceFile, found: Suggestion) -> dict[str, Any]:
    """Return the object that `--json` prints; `range` is 1-based in code points, like the argument."""
    document = Document(file.uri, file.text)
    status = found.status
    return {
        "text": found.text or None,
        "range": {"start": _point(document, found.start), "end": _point(document, found.end)},
        "reason": found.reason or None,
        "code": found.code or None,
        "engine": status.engine,
        "model": status.model,
        "simulated": status.simulated,
        "route": status.route,
        "ttft_ms": status.ttft_ms,
        "tok_s": status.tok_s,
    }


def _point(document: Document, offset: int) -> dict[str, int]:
    line = document.line_at(offset)
    return {"line": line + 1, "column": offset - document.line_start(line) + 1}
