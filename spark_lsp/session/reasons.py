"""Why there is no suggestion: one closed list, shown to people as it stands.

Every request that is answered with nothing has one of these, in `spark/status` behind "no suggestion: ".
Where more is known it goes along in the status; docs/reference/reasons.md says what to do about each.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why there is no suggestion."""

    DISABLED = "completions are switched off in the settings"
    DISABLED_HERE = "completions are switched off for this file (completion.disabledGlobs)"
    EXCLUDED = "this file is excluded by the settings (context.exclude)"
    PROJECT = "the project's .spark.toml keeps this file out"
    SECRET_FILE = "files of this name hold secrets; they never leave the editor"
    IGNORED = "git ignores this file, so it never leaves the editor"
    NO_FILE = "this is no file, and texts of its kind never leave the editor"
    UNDECIDED = "whether git ignores this file is being looked up"
    NO_DOCUMENT = "the document cannot be used"
    NOTHING = "the model had nothing to add here"
    SECRET_TEXT = "the answer held a redacted secret"
    ENGINE = "the engine could not answer"
    SUPERSEDED = "a newer request took its place"


PASSING = {Reason.NOTHING, Reason.ENGINE, Reason.SUPERSEDED, Reason.UNDECIDED}
"""Another moment may have another answer."""


def lasts(status: str) -> bool:
    """Return whether a status's reason is one that asking again cannot change."""
    return any(reason.value in status for reason in set(Reason) - PASSING)


REMEDIES = {
    Reason.DISABLED: "set `completion.enabled` to true",
    Reason.DISABLED_HERE: "take the pattern out of `completion.disabledGlobs`",
    Reason.EXCLUDED: "take the pattern out of `context.exclude`",
    Reason.PROJECT: "ask who keeps the project; your own settings cannot undo it",
    Reason.SECRET_FILE: "nothing; write such a file by hand, or rename it if it holds no secret",
    Reason.IGNORED: "take it out of the ignore file, add an exception (`!name`), or add the file to git",
    Reason.NO_FILE: "nothing; open the file itself",
    Reason.UNDECIDED: "wait for a moment and ask again",
    Reason.NO_DOCUMENT: "the text behind it says why: too large, out of step with the editor, not opened",
    Reason.NOTHING: "nothing; type on",
    Reason.SECRET_TEXT: "nothing; what was hidden cannot be completed",
    Reason.ENGINE: "the text behind it says why; `spark-lsp doctor` looks into it",
    Reason.SUPERSEDED: "nothing; the newer one is answered",
}
