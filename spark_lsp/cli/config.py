"""`spark-lsp config`: show the effective settings, check a settings file, or print the JSON schema."""

import argparse
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, cast

from spark_lsp import app, config
from spark_lsp.cli import NOTHING, OK
from spark_lsp.errors import ConfigError
from spark_lsp.lsp.exclusion import surroundings_of
from spark_lsp.privacy.files import PROJECT_FILE, read_project_file
from spark_lsp.privacy.patterns import find_setting_problems
from spark_lsp.schema import schema

DEFAULT = "default"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare `show`, `check [FILE]` and `schema`."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    show = verbs.add_parser("show", help="show each value and its source (the editor may set others)")
    show.add_argument("--config", type=Path, metavar="FILE", help="configuration instead of the user's own")
    show.add_argument("--json", action="store_true", help="one JSON object")
    check = verbs.add_parser("check", help="list the values that cannot be used; exit code 3 if any")
    check.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="a config.toml (default: your own), a .spark.toml, or an editor's section `spark` as .json",
    )
    verbs.add_parser("schema", help="print the JSON schema of the section `spark`")


def run(arguments: argparse.Namespace) -> int:
    """Run one verb."""
    if arguments.verb == "schema":
        print(json.dumps(schema(), indent=2))
        return OK
    return _show(arguments.config, arguments.json) if arguments.verb == "show" else _check(arguments.file)


def _show(path: Path | None, as_json: bool) -> int:
    settings, problems, origins = app.traced_settings(path)
    rows = [(name, value, _origin(name, origins)) for name, value in _values(settings)]
    if as_json:
        found = {name: {"value": value, "from": origin} for name, value, origin in rows}
        print(json.dumps({"settings": found, "problems": [asdict(problem) for problem in problems]}))
        return OK
    width = max(len(name) for name, _, _ in rows)
    for name, value, origin in rows:
        print(f"{name:{width}} = {json.dumps(value)}  # {origin}")
    for problem in problems:
        print(f"# not used: {problem}")
    return OK


def _values(settings: config.Settings) -> Iterator[tuple[str, Any]]:
    for item in fields(settings):
        value: Any = getattr(settings, item.name)
        if is_dataclass(value):
            each = asdict(cast(Any, value))
            yield from ((f"{item.name}.{name}", found) for name, found in each.items())
        elif item.name == config.ACTIONS:
            yield item.name, [asdict(each) for each in settings.actions]
        else:
            table = cast(Mapping[str, Any], value)
            yield from ((f"{item.name}.{name}", _to_plain(found)) for name, found in table.items())


def _to_plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) else value  # type: ignore[arg-type]


def _origin(name: str, origins: Mapping[str, str]) -> str:
    """Return the source of a value; a table counts as one value."""
    return origins.get(name) or origins.get(name.partition(".")[0]) or DEFAULT


def _check(path: Path | None) -> int:
    file = path or app.config_path()
    if path is None and not file.exists():
        print(f"There is no {file}; the defaults are used.")
        return OK
    problems = _problems(file)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{file}: every value can be used.")
    return NOTHING if problems else OK


def _problems(file: Path) -> list[config.Problem]:
    if file.name == PROJECT_FILE:
        return read_project_file(_toml(file), str(file), surroundings_of((), str(file.absolute().parent)))[1]
    if file.suffix == ".json":
        settings, problems = config.resolve((str(file), _json(file)))
        return [*problems, *find_setting_problems(settings, surroundings_of(()))]
    return app.load_settings(file)[1]


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read as TOML: {error}", "", "Correct it") from None


def _json(file: Path) -> dict[str, Any]:
    """Read an editor's settings: the section `spark`, or an object that contains it."""
    try:
        found: Any = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read as JSON: {error}", "", "Correct it") from None
    if not isinstance(found, dict) or not isinstance(found.get("spark", found), dict):  # pyright: ignore[reportUnknownMemberType]
        raise ConfigError(f"{file} holds no object", "Nothing was checked", "Give the section `spark`")
    values = cast(dict[str, Any], found)
    return values.get("spark", values)
