"""Writes the settings into the VS Code extension's manifest: `python -m scripts.manifest`.

The settings are those of `spark-lsp config schema`, so the editor's settings page shows everything that the
server accepts, and the editor checks a settings file while the user writes it. Settings that decide where
code may go, and which files stay in the editor, have *machine* scope: VS Code reads them from the user's own
settings only, never from those of a folder.
"""

import json
from pathlib import Path
from typing import Any, cast

from spark_lsp.schema import schema

MANIFEST = Path(__file__).parents[1] / "editors" / "vscode" / "package.json"
TITLES = {
    "completion": "Ghost text",
    "edit": "Edits",
    "engine": "Engines",
    "context": "Context",
    "budget": "Budget",
    "stats": "Statistics",
    "log": "Log",
}
PERSONAL = ("engine", "engines", "profiles", "context", "budget", "stats")
WHOLE = {
    "engines": "Engines by name; `kind` is the type of each. An endpoint or a file that you name here needs "
    "your approval.",
    "profiles": "Your own simulated machines, by name, for engines of the kind `wafer`.",
}
LISTS = {
    "actions": "Your own code actions: each is an instruction that you use often, under its own title.",
}
_NAMES = {"description": "markdownDescription"}
_SERVER = {
    "spark.server.path": {
        "type": "string",
        "default": "",
        "scope": "machine",
        "markdownDescription": "The path of the program `spark-lsp`. Empty: the extension looks in the "
        "active Python environment, on the search path, and in the install locations of pipx and uv.",
    },
    "spark.trace.server": {
        "scope": "machine",
        "type": "string",
        "enum": ["off", "messages", "verbose"],
        "default": "off",
        "markdownDescription": "Log the messages between the editor and the server; `verbose` includes "
        "your code.",
    },
}


def configuration() -> list[dict[str, Any]]:
    """Return `contributes.configuration`: one section of the settings page for each table."""
    tables: dict[str, Any] = schema()["properties"]
    sections = {name: _section(name, tables[name]["properties"]) for name in TITLES}
    for name, text in WHOLE.items():
        whole: dict[str, Any] = {**_plain(tables[name]), "default": {}, "scope": "machine"}
        whole["markdownDescription"] = text
        sections["engine"]["properties"][f"spark.{name}"] = whole
    for name, text in LISTS.items():
        listed = {**_plain(tables[name]), "scope": "machine", "markdownDescription": text}
        sections["edit"]["properties"][f"spark.{name}"] = listed
    return [*sections.values(), {"title": "Server", "properties": _SERVER}]


def _section(table: str, properties: dict[str, Any]) -> dict[str, Any]:
    scope = "machine" if table in PERSONAL else "window"
    found = {f"spark.{table}.{name}": {**_plain(each), "scope": scope} for name, each in properties.items()}
    return {"title": TITLES[table], "properties": found}


def _plain(value: Any) -> Any:
    """Rename descriptions, at any depth, to the key that the editor renders as Markdown."""
    if isinstance(value, dict):
        table = cast(dict[str, Any], value)
        return {_NAMES.get(key, key): _plain(each) for key, each in table.items()}
    return [_plain(each) for each in cast(list[Any], value)] if isinstance(value, list) else value


def manifest() -> str:
    """Return the current manifest with the generated settings."""
    found: dict[str, Any] = json.loads(MANIFEST.read_text("utf-8"))
    found["contributes"]["configuration"] = configuration()
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    MANIFEST.write_text(manifest(), "utf-8")
