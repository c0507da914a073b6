"""`spark-lsp edit FILE --range A:B`: one targeted edit, through the real language server."""

import argparse
import re
import sys
from typing import Any

import anyio
import msgspec

from spark_lsp.cli import NOTHING, OK
from spark_lsp.cli.colour import print_diff
from spark_lsp.cli.engine import settings_for
from spark_lsp.cli.waiting import add_timeout
from spark_lsp.client.answers import EditOutcome
from spark_lsp.client.editor import INSTRUCT, editing
from spark_lsp.client.files import SourceFile, lines_of, read_source, write_source
from spark_lsp.client.unified import unified

TIMEOUT_S = 300.0
_RANGE = re.compile(r"(\d+):(\d+)")


def lines(word: str) -> tuple[int, int]:
    """Read `A:B`."""
    match = _RANGE.fullmatch(word)
    if match is None or int(match[1]) > int(match[2]):
        raise argparse.ArgumentTypeError(f"{word!r} is not A:B, two line numbers with A not above B")
    return int(match[1]), int(match[2])


def words(word: str) -> str:
    """Read an instruction; bytes that are not UTF-8 cannot be sent."""
    try:
        word.encode("utf-8")
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("the instruction is not UTF-8 text") from None
    return word


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="FILE")
    parser.add_argument(
        "--range", type=lines, required=True, metavar="A:B", help="lines A to B, 1-based, both included"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--instruction", type=words, metavar="TEXT", help="the instruction, in words")
    what.add_argument("--action", metavar="KIND", help="a named action from the editor's menu")
    parser.add_argument("--engine", metavar="NAME", help="ask this engine instead of the configured route")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--diff", action="store_true", help="print the change as a diff (the default)")
    how.add_argument("--write", action="store_true", help="write the change to the file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_timeout(parser, TIMEOUT_S, "the edit, including the start of server, gateway and model")


def run(arguments: argparse.Namespace) -> int:
    """Print or write the edit, or print the reason on stderr if there is no edit."""
    file = read_source(arguments.file)
    span = lines_of(file, *arguments.range)
    action = arguments.action or INSTRUCT
    settings = settings_for(arguments.engine)
    limit_s: float = arguments.timeout
    outcome = anyio.run(_edit, file, span, action, arguments.instruction or "", settings, limit_s)
    changed = outcome.state == "applied" and outcome.after != outcome.before
    written = changed and arguments.write
    if written:
        write_source(file, outcome.after)
    _show(file, outcome, written=written, as_json=arguments.json)
    if not changed:
        reason = outcome.reason or "the text is already as asked"
        print(f"spark-lsp: no edit ({outcome.state}): {reason}", file=sys.stderr)
    return OK if changed else NOTHING


async def _edit(
    file: SourceFile,
    span: tuple[int, int],
    action: str,
    instruction: str,
    settings: dict[str, Any],
    limit_s: float,
) -> EditOutcome:
    async with editing(settings, file.path.parent, limit_s=limit_s) as editor:
        editor.open(file.uri, file.text, file.language)
        return await editor.edit(file.uri, *span, action, instruction, limit_s)
    raise AssertionError("never reached: the block returns or raises")


def _show(file: SourceFile, outcome: EditOutcome, *, written: bool, as_json: bool) -> None:
    difference = unified(outcome.before, outcome.after, file.path.name)
    if as_json:
        print(msgspec.json.encode(as_object(outcome, difference, written)).decode())
    elif written:
        print(f"{file.path} changed")
    elif difference:
        print_diff(difference)


def as_object(outcome: EditOutcome, difference: str, written: bool) -> dict[str, Any]:
    """Return the object that `--json` prints; `applied` says whether the file was written."""
    status = outcome.status
    return {
        "diff": difference or None,
        "applied": written,
        "state": outcome.state,
        "reason": outcome.reason or None,
        "code": outcome.code or None,
        "engine": status.engine,
        "model": status.model,
        "simulated": status.simulated,
        "route": status.route,
        "ttft_ms": status.ttft_ms,
        "tok_s": status.tok_s,
    }
