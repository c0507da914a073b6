"""Writes docs/reference/commands.md from the commands themselves: `python -m spark_lsp.cli.reference`.

A test compares the page with what this returns, so that it is never behind.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Any, cast

from spark_lsp.cli import COMMANDS, Command

_INTRODUCTION = """\
# Commands

Written by `python -m spark_lsp.cli.reference > docs/reference/commands.md`; do not edit by hand.

There is one program, `spark-lsp`, also run by `python -m spark_lsp`. Without a command it is
`spark-lsp serve`.

| exit code | meaning |
|---|---|
| 0 | a result |
| 1 | an error; one sentence on stderr says what happened and what to do |
| 2 | wrong usage |
| 3 | no result, or refused; the reason is on stderr |
"""

_FIELDS = {
    "complete": """\
`--json` prints one object:

| field | meaning |
|---|---|
| `text` | the completion, or null |
| `range` | what it replaces: `start` and `end`, each with `line` and `column`, 1-based, in code points |
| `reason` | why there is none, else null |
| `engine`, `model`, `simulated` | who answered; `simulated` if a model of a machine set the pace |
| `ttft_ms` | milliseconds to the first token |
| `tok_s` | tokens a second from there on |
""",
    "edit": """\
`--json` prints one object:

| field | meaning |
|---|---|
| `diff` | the change as a unified diff, or null |
| `applied` | whether the file was written |
| `state` | `applied`, `refused`, `cancelled` or `failed` |
| `reason` | why there is no change, else null |
| `engine`, `model`, `simulated`, `ttft_ms`, `tok_s` | as for `complete` |
""",
    "demo": """\
The file is copied first and the original never written. `--json` prints one object a step; `step` is
`open`, `type`, `ghost`, `edit` or `done`. Each has `engine`, `model` and `simulated`, and where known
`what`, `typed`, `ghost_text`, `diff`, `reason`, `ttft_ms`, `tok_s`, `wait_ms` (last key to ghost text)
and `seconds`. With `--engine replay`, and no such engine configured, the answers are the file's own text.
""",
    "bench": """\
`--json` prints `{"machine": …, "figures": […]}`; the fields are explained in [performance](performance.md).
""",
}


def markdown() -> str:
    """Return the page."""
    return "\n".join((_INTRODUCTION, *(_section(name, text) for name, text in COMMANDS.items())))


def _section(name: str, text: str) -> str:
    command = cast(Command, importlib.import_module(f"spark_lsp.cli.{name}"))
    parser = argparse.ArgumentParser(f"spark-lsp {name}", add_help=False)
    command.configure(parser)
    rows = _rows(parser)
    table = "| argument | meaning |\n|---|---|\n" + "".join(rows) if rows else ""
    parts = (f"## spark-lsp {name}\n", f"{text[0].upper()}{text[1:]}.\n", table, _FIELDS.get(name, ""))
    return "\n".join(part for part in parts if part)


def _rows(parser: argparse.ArgumentParser, before: str = "") -> list[str]:
    rows: list[str] = []
    for action in cast(Sequence[Any], vars(parser)["_actions"]):
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):  # pyright: ignore[reportPrivateUsage]
            continue
        if isinstance(action, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
            children = cast(dict[str, argparse.ArgumentParser], vars(action)["choices"])
            for verb in cast(Sequence[argparse.Action], vars(action)["_choices_actions"]):
                rows.append(_row(f"{before}{verb.dest}", verb.help or ""))
                rows += _rows(children[verb.dest], f"{before}{verb.dest} ")
        else:
            plain = cast(argparse.Action, action)
            rows.append(_row(before + _signature(plain), (plain.help or "") % vars(plain)))
    return rows


def _row(signature: str, text: str) -> str:
    escaped = signature.replace("|", r"\|"), text.replace("|", r"\|")
    return f"| `{escaped[0]}` | {escaped[1]} |\n"


def _signature(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None and not isinstance(action.metavar, str):
        value = "|".join(str(choice) for choice in action.choices)
    if not action.option_strings:
        return value
    name = ", ".join(action.option_strings)
    return name if action.nargs == 0 else f"{name} {value}"


if __name__ == "__main__":
    sys.stdout.write(markdown())
