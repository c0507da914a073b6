"""The sentences that earlier clients compare, word for word, and what those clients decide by them.

Releases without codes had nothing else to go by. This release still sends these sentences where those clients
read them; the next may drop this file and reword them. The functions are the earlier clients' own logic.
"""

from typing import Any

# Neovim's statusline (lua/spark_lsp/init.lua) reads `reason` of `spark/status`.
PREFIX = "no suggestion"
FLEETING = "the model had nothing to add here"

# The editor of `spark-lsp complete` and of the benchmarks looked for one of these in that `reason`.
LASTING = (
    "completions are switched off in the settings",
    "completions are switched off for this file (completion.disabledGlobs)",
    "this file is excluded by the settings (context.exclude)",
    "the project's .spark.toml keeps this file out",
    "files of this name hold secrets; they never leave the editor",
    "git ignores this file, so it never leaves the editor",
    "this is no file, and texts of its kind never leave the editor",
    "the document cannot be used",
    "the answer held a redacted secret",
)
TAKEN_OFF = "no suggestion: "

# The benchmark read in the progress of an edit how much of it had come.
CHARACTERS = " characters"


def neovim_says(status: dict[str, Any]) -> str | None:
    """Return what the statusline shows in place of engine and speed; None for neither."""
    reason = status.get("reason") or ""
    wants_saying = reason.startswith(PREFIX) and FLEETING not in reason
    trouble = status["state"] in ("degraded", "off")
    return f"spark: {reason}" if trouble or wants_saying else None


def lasts(reason: str) -> bool:
    """Return whether `spark-lsp complete` does not ask again."""
    return any(each in reason for each in LASTING)


def shown(reason: str) -> str:
    """Return what `spark-lsp complete` prints after "no completion: "."""
    return reason.removeprefix(TAKEN_OFF)


def characters(value: dict[str, Any]) -> int | None:
    """Return how much text of an edit has come, by a report of its progress."""
    said = value.get("message", "")
    return int(said.split()[0]) if said.endswith(CHARACTERS) else None
