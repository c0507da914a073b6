"""Writes the settings into the VS Code extension's manifest: `python -m spark_lsp.cli.manifest`.

They are those of `spark-lsp config schema`, so that the editor's settings page shows what the server takes,
and a settings file is checked while it is written. What decides where code may go, and which files stay in
the editor, has *machine* scope: only the person's own settings are heard there, never those of a folder.
"""

import json
from pathlib import Path
from typing import Any, cast

from spark_lsp.schema import schema

MANIFEST = Path(__file__).parents[2] / "editors" / "vscode" / "package.json"
TITLES = {
    "completion": "Ghost text",
    "edit": "Edits",
    "engine": "Engines",
    "context": "What is sent",
    "budget": "Budget",
    "log": "Log",
}
PERSONAL = ("engine", "engines", "profiles", "context", "budget")
WHOLE = {
    "engines": "Engines by name; `kind` says what each is. An endpoint or a file that stands here waits for "
    "your approval.",
    "profiles": "Simulated machines of your own, by name, for engines of the kind `wafer`.",
}
_NAMES = {"description": "markdownDescription"}
_SERVER = {
    "spark.server.path": {
        "type": "string",
        "default": "",
        "scope": "machine",
        "markdownDescription": "The path of the program `spark-lsp`. Empty: it is looked for in the active "
        "Python environment, on the search path, and where pipx and uv put programs.",
    },
    "spark.trace.server": {
        "scope": "machine",
        "type": "string",
        "enum": ["off", "messages", "verbose"],
        "default": "off",
        "markdownDescription": "Write what the editor and the server say to each other to the log; "
        "`verbose` has your code in it.",
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
    return [*sections.values(), {"title": "Server", "properties": _SERVER}]


def _section(table: str, properties: dict[str, Any]) -> dict[str, Any]:
    scope = "machine" if table in PERSONAL else "window"
    found = {f"spark.{table}.{name}": {**_plain(each), "scope": scope} for name, each in properties.items()}
    return {"title": TITLES[table], "properties": found}


def _plain(value: Any) -> Any:
    """Rename descriptions, at any depth, to what the editor draws as Markdown."""
    if isinstance(value, dict):
        table = cast(dict[str, Any], value)
        return {_NAMES.get(key, key): _plain(each) for key, each in table.items()}
    return [_plain(each) for each in cast(list[Any], value)] if isinstance(value, list) else value


def manifest() -> str:
    """Return the manifest as it should be."""
    found: dict[str, Any] = json.loads(MANIFEST.read_text("utf-8"))
    found["contributes"]["configuration"] = configuration()
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    MANIFEST.write_text(manifest(), "utf-8")
