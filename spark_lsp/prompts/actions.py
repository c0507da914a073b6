"""The table of code actions: their names, titles and kinds, their conditions and their targets.

`action_offers` checks the conditions for a selection, and `action_targets` finds the targets. The actions of
the user's own settings have the same form (`own_action`).
"""

from dataclasses import dataclass
from enum import StrEnum

from spark_lsp.prompts.diagnostic import Diagnostic as Diagnostic
from spark_lsp.prompts.documentation_forms import DOCUMENTED
from spark_lsp.prompts.refactorings import DEFAULT_NAME
from spark_lsp.prompts.tests_layout import TESTED

OWN = "own:"  # begins the names of the user's own actions


class Need(StrEnum):
    """The condition of an action on the cursor or the selection; `action_offers` has the checks."""

    DIAGNOSTIC = "diagnostic"
    FIXABLE = "fixable"  # diagnostics that need no model
    TEXT = "text"
    CODE = "code"  # a definition around the cursor, or selected code
    UNDOCUMENTED = "undocumented"  # a definition without documentation
    DEFINITION = "definition"
    STUB = "stub"  # a function without a body
    COMMENTS = "comments"  # in prose, any text
    NAME = "name"
    REFACTORING = "refactoring"  # the conditions of `refactorings`


class Target(StrEnum):
    """The complete lines that an action may change; `action_targets` has the rules."""

    LINES = "lines"  # those of the selection or of the cursor
    CODE = "code"  # the selected lines, or else the definition around the cursor
    DIAGNOSTICS = "diagnostics"  # those of the diagnostics
    DOCUMENTED = "documented"  # the innermost definition, with its annotations
    BODY = "body"  # of the function around the cursor
    COMMENTS = "comments"  # from the first to the last comment
    FILE = "file"


class Ask(StrEnum):
    """The text that an editor requests from the user before it runs an action."""

    NOTHING = ""
    INSTRUCTION = "instruction"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class CodeAction:
    """One kind of code action. `kind` is LSP's code action kind, `command` the server's command.

    `instruction` is the request to the model. It is empty if the user gives it, if each prompt format has a
    separate question for the action (`fix`, `document`), or if no model is needed. `languages` are LSP's ids;
    empty: all. `elsewhere` is the reason for not being offered in other languages. `default` is the name
    that is used if the editor cannot ask for one.
    """

    name: str
    title: str
    kind: str
    need: Need
    target: Target
    instruction: str = ""
    ask: Ask = Ask.NOTHING
    default: str = ""
    languages: frozenset[str] = frozenset()
    elsewhere: str = ""
    command: str = "spark.edit"

    def applies_to(self, language: str) -> bool:
        """Tell whether the action exists for a language."""
        return not self.languages or language in self.languages


_REWRITE = "refactor.rewrite"
_EXTRACT = "refactor.extract"
_PYTHON = frozenset({"python"})

ACTIONS = (
    CodeAction("fix", "Fix this diagnostic", "quickfix", Need.DIAGNOSTIC, Target.DIAGNOSTICS),
    CodeAction(
        "instruct", "Edit with an instruction…", _REWRITE, Need.TEXT, Target.CODE, ask=Ask.INSTRUCTION
    ),
    CodeAction(
        "document",
        "Add documentation",
        _REWRITE,
        Need.UNDOCUMENTED,
        Target.DOCUMENTED,
        languages=DOCUMENTED,
        elsewhere="The form of documentation is not known for this language",
    ),
    CodeAction(
        "complete",
        "Complete the body",
        _REWRITE,
        Need.STUB,
        Target.BODY,
        "Write the body of this function, as its name, its parameters and its documentation say",
    ),
    CodeAction(
        "types",
        "Add types",
        _REWRITE,
        Need.CODE,
        Target.CODE,
        "Add type annotations to the parameters, results and attributes",
        languages=frozenset({"python", "typescript", "typescriptreact", "php", "dart"}),
        elsewhere="This language has no optional type annotations",
    ),
    CodeAction(
        "tests",
        "Write tests",
        _REWRITE,
        Need.DEFINITION,
        Target.CODE,
        "Write tests for this code",
        languages=TESTED,
        elsewhere="The place of tests is not known for this language",
    ),
    CodeAction(
        "simplify",
        "Simplify",
        _REWRITE,
        Need.CODE,
        Target.CODE,
        "Simplify this code, so that it is shorter and easier to read, and does the same",
    ),
    CodeAction(
        "optimise",
        "Optimise",
        _REWRITE,
        Need.CODE,
        Target.CODE,
        "Make this code faster, with the same results and the same signature",
    ),
    CodeAction(
        "translate",
        "Translate to English",
        _REWRITE,
        Need.COMMENTS,
        Target.COMMENTS,
        "Translate the comments to English; keep the code as it is",
    ),
    CodeAction(
        "rename",
        "Rename",
        _REWRITE,
        Need.NAME,
        Target.CODE,
        ask=Ask.NAME,
    ),
    CodeAction(
        "inline", "Inline variable", "refactor.inline", Need.REFACTORING, Target.LINES, languages=_PYTHON
    ),
    CodeAction(
        "extract_variable",
        "Extract into a variable",
        _EXTRACT,
        Need.REFACTORING,
        Target.LINES,
        ask=Ask.NAME,
        default=DEFAULT_NAME,
        languages=_PYTHON,
    ),
    CodeAction(
        "extract_function",
        "Extract into a function",
        _EXTRACT,
        Need.REFACTORING,
        Target.LINES,
        ask=Ask.NAME,
        default=DEFAULT_NAME,
        languages=_PYTHON,
    ),
    CodeAction("explain", "Explain", "spark.explain", Need.TEXT, Target.CODE, command="spark.explain"),
    CodeAction(
        "fix_all",
        "Fix all imports",
        "source.fixAll.spark",
        Need.FIXABLE,
        Target.FILE,
        languages=_PYTHON,
    ),
)
_BY_NAME = {action.name: action for action in ACTIONS}


def own_action(title: str, instruction: str, languages: frozenset[str], kind: str) -> CodeAction:
    """Return an action of the user's settings: it changes the code by a fixed instruction."""
    return CodeAction(f"{OWN}{title}", title, kind, Need.TEXT, Target.CODE, instruction, languages=languages)


def find_action(name: str) -> CodeAction:
    """Return an action of the table. Raises `KeyError` for another name."""
    return _BY_NAME[name]


def action_names() -> list[str]:
    """Return the names of all actions that change the text."""
    return [action.name for action in ACTIONS if action.command == "spark.edit"]


def title_of(name: str) -> str:
    """Return an action's title."""
    return _BY_NAME[name].title
