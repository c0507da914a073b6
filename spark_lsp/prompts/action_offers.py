"""Finds the code actions for a selection, and why the others do not apply. This needs no engine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from spark_lsp.prompts import actions
from spark_lsp.prompts.action_targets import Place, find_target
from spark_lsp.prompts.actions import CodeAction, Need
from spark_lsp.prompts.comments import find_comment_lines, has_comment_rules
from spark_lsp.prompts.definitions import is_prose
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.documentation import documentation_obstacle
from spark_lsp.prompts.fix_all import list_fixable
from spark_lsp.prompts.refactorings import RefactoringOffer, list_refactorings
from spark_lsp.prompts.rename_offer import default_name, name_at, name_offset, rename_obstacle
from spark_lsp.prompts.stubs import find_stub
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document

NO_DIAGNOSTIC = "There is no diagnostic here"
NOTHING_FIXABLE = "The file has no diagnostic that can be fixed without a model"
NO_TEXT = "There is no text here"
NO_CODE = "Put the cursor in a function or class, or select code"
NO_DEFINITION = "Put the cursor in a function or class"
NO_STUB = "Put the cursor in a function whose body is still to be written"
NO_COMMENTS = "There is no comment here"
_MAX_TITLE_CHARS = 60


@dataclass(frozen=True, slots=True)
class ActionOffer:
    """An action for a selection, with the diagnostics that it would fix.

    `obstacle` is the reason if the action does not apply to this selection. `default` is the name that is
    used if the editor asks for none.
    """

    action: CodeAction
    title: str
    diagnostics: tuple[Diagnostic, ...] = ()
    obstacle: str = ""
    default: str = ""


@dataclass(frozen=True)
class Selection(Place):
    """A selection whose `diagnostics` are those in its lines; `all_diagnostics` are those of the file."""

    all_diagnostics: Sequence[Diagnostic] = ()

    @cached_property
    def refactorings(self) -> list[RefactoringOffer]:
        """The refactorings of Python code."""
        return list_refactorings(self.document, self.tree, self.start, self.end)


def list_offers(
    document: Document,
    start: int,
    end: int,
    diagnostics: Sequence[Diagnostic],
    *,
    own: Sequence[CodeAction] = (),
    all_diagnostics: Sequence[Diagnostic] = (),
    is_wanted: Callable[[CodeAction], bool] = lambda _: True,
) -> list[ActionOffer]:
    """Return the actions for a selection; those with an obstacle do not apply.

    `own` are the actions of the user's settings. Actions that are not wanted are not examined.
    """
    selection = Selection(document, SyntaxTree.of(document), start, end, diagnostics, all_diagnostics)
    table = actions.ACTIONS
    first = next(number for number, each in enumerate(table) if each.name == "instruct") + 1
    found: list[ActionOffer] = []
    for action in filter(is_wanted, (*table[:first], *own, *table[first:])):
        if action.applies_to(document.language):
            found += _CHECKS[action.need](selection, action)
        elif action not in own and action.elsewhere:
            found.append(ActionOffer(action, action.title, obstacle=action.elsewhere))
    return found


def _offer(action: CodeAction, obstacle: str) -> Iterator[ActionOffer]:
    yield ActionOffer(action, action.title, obstacle=obstacle, default=action.default)


def _offer_fixes(selection: Selection, action: CodeAction) -> Iterator[ActionOffer]:
    fixes = [each for each in selection.diagnostics if each.message]
    yield from (ActionOffer(action, _fix_title(each), (each,)) for each in fixes)
    if not fixes:
        yield from _offer(action, NO_DIAGNOSTIC)


def _offer_fix_all(selection: Selection, action: CodeAction) -> Iterator[ActionOffer]:
    found = list_fixable(selection.document, selection.tree, selection.all_diagnostics)
    obstacle = "" if found else NOTHING_FIXABLE
    yield ActionOffer(action, action.title, tuple(found), obstacle)


def _offer_for_text(selection: Selection, action: CodeAction) -> Iterator[ActionOffer]:
    yield from _offer(action, "" if _has_text(selection) else NO_TEXT)


def _has_text(selection: Selection) -> bool:
    return bool(selection.document.text[slice(*selection.lines)].strip())


def _offer_for_code(selection: Selection, action: CodeAction) -> Iterator[ActionOffer]:
    is_code = selection.is_selection and not is_prose(selection.document.language)
    yield from _offer(action, "" if is_code or _has_definition(selection) else NO_CODE)


def _has_definition(selection: Selection) -> bool:
    return selection.tree.definition_at(selection.start) is not None


def _offer_documentation(selection: Selection, action: CodeAction) -> Iterator[ActionOffer]:
    yield from _offer(action, documentation_obstacle(selection.document, selection.tree, selection.start))


def _offer_for_definition(selection: Selection, action: CodeAction) -> Iterator[ActionOffer]:
    yield from _offer(action, "" if _has_definition(selection) else NO_DEFINITION)


def _offer_for_stub(selection: Selection, action: CodeAction) -> Iterator[ActionOffer]:
    stub = find_stub(selection.document, selection.tree, selection.start)
    yield from _offer(action, NO_STUB if stub is None else "")


def _offer_for_comments(selection: Selection, action: CodeAction) -> Iterator[ActionOffer]:
    document = selection.document
    if not has_comment_rules(document.language):
        yield from _offer_for_text(selection, action)
        return
    start, end = find_target(
        action.name, document, selection.tree, selection.start, selection.end, selection.diagnostics
    )
    yield from _offer(action, "" if find_comment_lines(document, start, end) else NO_COMMENTS)


def _offer_for_name(selection: Selection, action: CodeAction) -> Iterator[ActionOffer]:
    at = name_offset(selection.document, selection.start, selection.end)
    obstacle = rename_obstacle(selection.document, selection.tree, at)
    name = name_at(selection.document, at)
    title = f"{action.title} `{name}`" if name and not obstacle else action.title
    yield ActionOffer(action, title, obstacle=obstacle, default=default_name(name))


def _offer_refactoring(selection: Selection, action: CodeAction) -> Iterator[ActionOffer]:
    for each in selection.refactorings:
        if each.action == action.name:
            title = f"{action.title} `{each.subject}`" if each.subject else action.title
            yield ActionOffer(action, title, obstacle=each.obstacle, default=action.default)


def _fix_title(diagnostic: Diagnostic) -> str:
    message = " ".join(diagnostic.message.split())
    if len(message) > _MAX_TITLE_CHARS:
        message = message[: _MAX_TITLE_CHARS - 1] + "…"
    return f"Fix: {message}"


_CHECKS: dict[Need, Callable[[Selection, CodeAction], Iterator[ActionOffer]]] = {
    Need.DIAGNOSTIC: _offer_fixes,
    Need.FIXABLE: _offer_fix_all,
    Need.TEXT: _offer_for_text,
    Need.CODE: _offer_for_code,
    Need.UNDOCUMENTED: _offer_documentation,
    Need.DEFINITION: _offer_for_definition,
    Need.STUB: _offer_for_stub,
    Need.COMMENTS: _offer_for_comments,
    Need.NAME: _offer_for_name,
    Need.REFACTORING: _offer_refactoring,
}
