"""The reasons for a missing suggestion: a closed list of codes, each with a text for the user and a remedy.

Every request that is answered without a suggestion has one, in `spark/status`: its `code`, its text in
`reason` after "no suggestion: ", and further information in `detail`. docs/reference/reasons.md gives the
remedies. Programs compare only the codes, so the texts may be reworded. Earlier clients for Neovim compare
two of the texts, which must stay for one release: tests/unit/lsp/old_client_texts.py names them.
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
    Code.DISMISSED: "you sent this text away here before",
    Code.LOW_CONFIDENCE: "the model was too unsure of its answer (completion.threshold)",
    Code.SECRET_IN_ANSWER: "the answer held a redacted secret",
    Code.NO_ANSWER: "the engine could not answer",
    Code.BUDGET_USED_UP: "today's budget is used up",
    Code.SUPERSEDED: "a newer request took its place",
}

REMEDIES: dict[Reason, str] = {
    Code.COMPLETIONS_DISABLED: "set `completion.enabled` to true",
    Code.DISABLED_FOR_FILE: "take the pattern out of `completion.disabledGlobs`",
    Code.EXCLUDED_BY_SETTINGS: "take the pattern out of `context.exclude`",
    Code.EXCLUDED_BY_PROJECT: "ask the project's maintainer; your own settings cannot override it",
    Code.SECRET_FILE: "no action needed; rename the file if it contains no secret",
    Code.GIT_IGNORED: "take it out of the ignore file, add an exception (`!name`), or add the file to git",
    Code.NOT_A_FILE: "no action needed; open the file itself",
    Code.GIT_UNDECIDED: "wait for a moment and request a suggestion again",
    Code.DOCUMENT_UNUSABLE: "see the text after the colon: too large, out of sync, or not opened",
    Code.NOTHING_TO_ADD: "no action needed; keep typing",
    Code.DISMISSED: "no action needed; another text may be shown here",
    Code.LOW_CONFIDENCE: "keep typing, or lower `completion.threshold`; 0 shows everything",
    Code.SECRET_IN_ANSWER: "no action needed; spark-lsp does not complete hidden secrets",
    Code.NO_ANSWER: "see the text after the colon; `spark-lsp doctor` checks the setup",
    Code.BUDGET_USED_UP: "raise the limit after the colon, or wait until midnight; another engine in the "
    "route, such as `local`, answers until then",
    Code.SUPERSEDED: "no action needed; the newer request is answered",
}

FAILURES: tuple[Reason, ...] = (Code.NO_ANSWER, Code.BUDGET_USED_UP)
"""Reasons that say nothing about the text: another request for the same text may get a suggestion."""

PASSING: frozenset[Code] = frozenset(
    (
        Code.NOTHING_TO_ADD,
        Code.DISMISSED,
        Code.LOW_CONFIDENCE,
        Code.NO_ANSWER,
        Code.SUPERSEDED,
        Code.GIT_UNDECIDED,
    )
)
"""Reasons that may disappear without any action of the user."""


def of_failure(code: Code) -> Reason:
    """Return the reason for a missing suggestion after an engine's error with this code."""
    return code if code is Code.BUDGET_USED_UP else Code.NO_ANSWER


def sentence(reason: Reason, detail: str = "") -> str:
    """Return a reason in words, with the detail after a colon."""
    return TEXTS[reason] + (f": {detail}" if detail else "")


def explains(code: object) -> TypeGuard[Reason]:
    """Return whether a status's code explains a missing suggestion."""
    return code in TEXTS


def is_lasting(code: object) -> bool:
    """Return whether a further request would get no suggestion either."""
    return explains(code) and code not in PASSING
