"""Why there is no suggestion: one closed list of codes, each with a text for the user and a remedy.

Every request that is answered with nothing has one of these, in `spark/status`: its `code`, its text in
`reason` after "no suggestion: ", and in `detail` what more is known. docs/reference/reasons.md says what to
do about each. The texts may be reworded; programs compare the codes. Earlier clients for Neovim compare two
of the texts, which must stay for one release: tests/unit/lsp/old_client_texts.py names them.
"""

from typing import TypeGuard

from spark_lsp.codes import Code, Reason

PREFIX = "no suggestion: "

TEXTS: dict[Reason, str] = {
    Code.COMPLETIONS_DISABLED: "completions are switched off in the settings",
    Code.DISABLED_FOR_FILE: "completions are switched off for this file (completion.disabledGlobs)",
    Code.EXCLUDED_BY_SETTINGS: "this file is excluded by the settings (context.exclude)",
    Code.EXCLUDED_BY_PROJECT: "the project's .spark.toml keeps this file out",
    Code.SECRET_FILE: "files of this name hold secrets; they never leave the editor",
    Code.GIT_IGNORED: "git ignores this file, so it never leaves the editor",
    Code.NOT_A_FILE: "this is no file, and texts of its kind never leave the editor",
    Code.GIT_UNDECIDED: "whether git ignores this file is being looked up",
    Code.DOCUMENT_UNUSABLE: "the document cannot be used",
    Code.NOTHING_TO_ADD: "the model had nothing to add here",
    Code.SECRET_IN_ANSWER: "the answer held a redacted secret",
    Code.NO_ANSWER: "the engine could not answer",
    Code.SUPERSEDED: "a newer request took its place",
}

REMEDIES: dict[Reason, str] = {
    Code.COMPLETIONS_DISABLED: "set `completion.enabled` to true",
    Code.DISABLED_FOR_FILE: "take the pattern out of `completion.disabledGlobs`",
    Code.EXCLUDED_BY_SETTINGS: "take the pattern out of `context.exclude`",
    Code.EXCLUDED_BY_PROJECT: "ask who keeps the project; your own settings cannot undo it",
    Code.SECRET_FILE: "nothing; write such a file by hand, or rename it if it holds no secret",
    Code.GIT_IGNORED: "take it out of the ignore file, add an exception (`!name`), or add the file to git",
    Code.NOT_A_FILE: "nothing; open the file itself",
    Code.GIT_UNDECIDED: "wait for a moment and ask again",
    Code.DOCUMENT_UNUSABLE: "the text behind it says why: too large, out of step with the editor, not opened",
    Code.NOTHING_TO_ADD: "nothing; type on",
    Code.SECRET_IN_ANSWER: "nothing; what was hidden cannot be completed",
    Code.NO_ANSWER: "the text behind it says why; `spark-lsp doctor` looks into it",
    Code.SUPERSEDED: "nothing; the newer one is answered",
}

PASSING: frozenset[Code] = frozenset(
    (Code.NOTHING_TO_ADD, Code.NO_ANSWER, Code.SUPERSEDED, Code.GIT_UNDECIDED)
)
"""Another moment may have another answer."""


def sentence(reason: Reason, detail: str = "") -> str:
    """Return a reason in words, with what more is known."""
    return TEXTS[reason] + (f": {detail}" if detail else "")


def explains(code: object) -> TypeGuard[Reason]:
    """Return whether a status's code says why there is no suggestion."""
    return code in TEXTS


def lasts(code: object) -> bool:
    """Return whether asking again cannot change that there is no suggestion."""
    return explains(code) and code not in PASSING
