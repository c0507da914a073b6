"""The capabilities that this client declares: exactly those that it implements."""

from typing import Any

CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-32", "utf-16"]},
    "textDocument": {
        "synchronization": {},
        "inlineCompletion": {},
        "codeAction": {
            "codeActionLiteralSupport": {
                "codeActionKind": {
                    "valueSet": [
                        *("", "quickfix", "refactor", "refactor.extract", "refactor.inline"),
                        *("refactor.rewrite", "source"),
                    ]
                }
            },
            "disabledSupport": True,
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit", "command"]},
        },
    },
    "window": {"workDoneProgress": True, "showMessage": {}},
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {"documentChanges": True},
        "configuration": True,
        "workspaceFolders": True,
    },
}


def initialize_params(
    root: str, settings: dict[str, Any], pid: int, growing: bool, previews: bool = False
) -> dict[str, Any]:
    """Return the parameters of `initialize`; `root` is a folder's URI, `settings` the section `spark`."""
    client = {"client": {"growing": growing, "previews": previews}}
    return {
        "processId": pid,
        "clientInfo": {"name": "spark-lsp client"},
        "rootUri": root,
        "workspaceFolders": [{"uri": root, "name": root.rsplit("/", 1)[-1] or "/"}],
        "capabilities": CAPABILITIES,
        "initializationOptions": {"spark": {**settings, **client}},
    }
