"""Writes pages of docs/reference from the code itself: `python -m spark_lsp.cli.reference PAGE`.

`PAGE` is `commands`, `settings`, `reasons` or `wire`. A test compares each page with what this returns, so that
none is ever behind.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from spark_lsp.cli import COMMANDS, Command
from spark_lsp.cli.wire_page import wire
from spark_lsp.codes import MEANINGS, Code
from spark_lsp.schema import engine_rows, profile_rows, rows
from spark_lsp.session.reasons import REMEDIES, TEXTS

_INTRODUCTION = """\
# Commands

Written by `python -m spark_lsp.cli.reference commands`; do not edit by hand.

There is one program, `spark-lsp`, also run by `python -P -m spark_lsp`. Without a command it is
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
| `reason` | why there is none, in words, else null |
| `code` | the same as a [code](reasons.md), else null |
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
| `reason` | why there is no change, in words, else null |
| `code` | how it ended, as a [code](reasons.md), or null |
| `engine`, `model`, `simulated`, `ttft_ms`, `tok_s` | as for `complete` |
""",
    "demo": """\
The file is copied first and the original never written. `--json` prints one object a step; `step` is
`open`, `type`, `ghost`, `edit` or `done`. Each has `engine`, `model` and `simulated`, and where known
`what`, `typed`, `ghost_text`, `diff`, `reason`, `code`, `ttft_ms`, `tok_s`, `wait_ms` (last key to ghost text)
and `seconds`. With `--engine replay`, and no such engine configured, the answers are the file's own text.
""",
    "bench": """\
`--json` prints `{"machine": …, "figures": […]}`; the fields are explained in [performance](performance.md).
""",
}


def commands() -> str:
    """Return the page of commands."""
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


_SETTINGS = """\
# Settings

Written by `python -m spark_lsp.cli.reference settings`; do not edit by hand.

In the editor below `spark.`, in `initializationOptions` and `workspace/configuration` alike; or, with the same
names, in `config.toml` in your configuration directory (`~/.config/spark-lsp/config.toml` on Linux), or in the
file that `--config` or `SPARK_LSP_CONFIG` names. The editor goes over the environment, that over the file. A
value that cannot be used is named, and all others are kept. An editor's settings are laid over one another: `null`,
a missing name or a value of the wrong type leaves the earlier value in force
([more](../explanation/privacy.md#when-settings-change)).

`spark-lsp config show` prints each value and where it came from, `config check` names what cannot be used,
`config schema` prints the JSON schema.

| setting | default | meaning |
|---|---|---|
{settings}
How patterns of files are read, with examples, is on [its own page](../explanation/privacy.md#how-patterns-are-read).

## Engines

Tables below `engines`: `[engines.NAME]` in config.toml, `spark.engines` in the editor. `kind` says what it is; no
engine may bear a route's name (`completion`, `edit`, `chat`). What an editor's settings name (an endpoint, a file)
waits for your [approval](../explanation/privacy.md#approvals); config.toml is your own and counts as approved.

| kind | setting | default | meaning |
|---|---|---|---|
{engines}
A simulated machine (`kind = "wafer"`) of your own is a table `[profiles.NAME]` in config.toml:

| setting | default | meaning |
|---|---|---|
{profiles}
`[routes]` (in the editor `engine.routes`) names engines by preference:

```toml
[engines.mine]
kind = "local"
model = "/models/mine.gguf"

[routes]
completion = ["mine", "local"]
edit = ["local"]
```

## A project's own file

`.spark.toml`, in the repository's root or any directory above a file, may only take away:

```toml
exclude = ["*.sql", "customers/*"]   # these stay in the editor
[completion]
enabled = false                      # no ghost text here
[edit]
enabled = false                      # no edits here
```

Anything else in it is named and ignored.

## Environment

`SPARK_LSP_ENGINE_URL`, `SPARK_LSP_TOKEN`, `SPARK_LSP_LOG_LEVEL`, `SPARK_LSP_CONFIG` (the configuration's path),
`SPARK_LSP_MODELS` (directory of models), `SPARK_LSP_RUNTIME_DIR` (the gateway's socket, state file and log),
`SPARK_LSP_GATEWAY_IDLE` (seconds that a gateway outlives its last connection; 900),
`SPARK_LSP_STATE_DIR` (what you approved).
"""

_REASONS = """\
# Why there is no suggestion

Written by `python -m spark_lsp.cli.reference reasons`; do not edit by hand.

The status (`spark/status`, `:checkhealth`, `spark-lsp complete`) says "no suggestion: " and one of these, with
details after it; its `code` says the same for programs. There are no others.

| code | reason | what to do |
|---|---|---|
"""

_CODES = """
## All codes

Programs compare codes. The sentences beside them are for people, and any release may reword them. A code keeps
its spelling and its meaning; new ones may be added. They are written in snake case, as the error codes of the
Responses API are. [Over LSP](lsp.md#codes) says where they come.

| code | meaning |
|---|---|
"""


def settings() -> str:
    """Return the page of settings."""
    plain = "".join(f"| `{name}` | `{default}` | {meaning} |\n" for name, default, meaning in rows())
    engines = "".join(f"| `{kind}` | `{n}` | `{default}` | {m} |\n" for kind, n, default, m in engine_rows())
    profiles = "".join(
        f"| `{name}` | `{default}` | {meaning} |\n" for name, default, meaning in profile_rows()
    )
    page = _SETTINGS.replace("{settings}", plain).replace("{engines}", engines)
    return page.replace("{profiles}", profiles)


def reasons() -> str:
    """Return the page of reasons and codes."""
    whys = "".join(f"| `{code}` | {text} | {REMEDIES[code]} |\n" for code, text in TEXTS.items())
    return _REASONS + whys + _CODES + "".join(f"| `{code}` | {MEANINGS[code]} |\n" for code in Code)


PAGES = {"commands": commands, "settings": settings, "reasons": reasons, "wire": wire}


def main() -> None:
    """Write one page, or all, below docs/reference."""
    folder = Path(__file__).parents[2] / "docs" / "reference"
    for name in sys.argv[1:] or PAGES:
        (folder / f"{name}.md").write_text(PAGES[name](), "utf-8")


if __name__ == "__main__":
    main()
