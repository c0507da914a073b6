"""Reads the arguments of the commands `spark.edit` and `spark.explain`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from lsprotocol import types

from spark_lsp.codes import Code
from spark_lsp.errors import ArgumentError, EditRefused
from spark_lsp.lsp import convert
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts import actions
from spark_lsp.prompts.action_questions import build_question
from spark_lsp.prompts.action_targets import find_target
from spark_lsp.prompts.actions import Ask, CodeAction, Need
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.instruction_comments import InstructionComment, find_instruction
from spark_lsp.prompts.rename_offer import default_name, name_at, name_offset
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.prompts.tests_question import asks_for_same_file, is_request_for_tests
from spark_lsp.request import Message
from spark_lsp.session.documents import Documents
from spark_lsp.session.reasons import REMEDIES, TEXTS
from spark_lsp.text.document import Document

NOTHING_DONE = "Nothing was done"
MAX_TEXT_CHARACTERS = 100_000  # of one text in a command's argument
MAX_NAME_CHARACTERS = 80


@dataclass(frozen=True)
class EditRequest:
    """A command's edit; offsets refer to `document`, the true text.

    `action` is a name of the table; an action of the user's settings is `instruct` with a title. `note` is
    the comment that contains the instruction. The edit removes it. `history` is the conversation that it
    continues, without secrets.
    """

    action: str
    seen: RedactedDocument
    tree: SyntaxTree  # of the true text
    start: int
    end: int
    instruction: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    note: InstructionComment | None = None
    own_title: str = ""
    in_place: bool = False  # tests belong below the code
    history: tuple[Message, ...] = ()

    @property
    def title(self) -> str:
        """The action's title, for the editor's list of changes."""
        return self.own_title or actions.title_of(self.action)

    @property
    def document(self) -> Document:
        """The true text."""
        return self.seen.real

    @cached_property
    def target(self) -> tuple[int, int]:
        """The range that a model may change."""
        return find_target(self.action, self.document, self.tree, self.start, self.end, self.diagnostics)

    @property
    def question(self) -> str:
        """The instruction to the model; it contains no text of the document that is a secret."""
        return build_question(self.action, self.instruction, self.seen.document, self.tree, self.start)


class EditRequestReader:
    """Checks arguments against the open documents.

    All methods raise `ArgumentError` for invalid arguments, and `EditRefused` for valid ones that cannot be
    used now.
    """

    def __init__(
        self,
        documents: Documents,
        outgoing: Outgoing,
        own_actions: Callable[[], Sequence[CodeAction]] = tuple,
    ) -> None:
        self._documents = documents
        self._outgoing = outgoing
        self._own_actions = own_actions

    @property
    def own_actions(self) -> Sequence[CodeAction]:
        """The actions of the user's settings."""
        return self._own_actions()

    def read_edit(self, argument: Any) -> EditRequest:
        """Return the request in the argument of `spark.edit`."""
        fields = require_object(argument, "spark.edit needs one argument, an object")
        action = self._read_action(fields)
        document = self.find_document(fields)
        start, end = self._read_offsets(document, fields.get("range"))
        if action.need is Need.NAME:
            start = name_offset(document, start, end)
        diagnostics = self._read_diagnostics(document, fields)
        seen = self._outgoing.redact(document)
        tree = SyntaxTree.of(document)
        instruction = read_text(fields, "instruction", MAX_TEXT_CHARACTERS) or action.instruction
        is_own = action.name.startswith(actions.OWN)
        request = EditRequest(
            "instruct" if is_own else action.name,
            seen,
            tree,
            start,
            end,
            instruction,
            diagnostics,
            own_title=action.title if is_own else "",
        )
        if not instruction and action.ask is Ask.NAME:
            return self._with_default_name(request)
        if not instruction and action.ask is Ask.INSTRUCTION:
            request = self._with_note(request)
        return _place_tests(request)

    def _read_action(self, fields: Mapping[str, Any]) -> CodeAction:
        name = read_text(fields, "action", MAX_NAME_CHARACTERS)
        own = {each.name: each for each in self.own_actions}
        if name in own:
            return own[name]
        if name not in actions.action_names():
            known = ", ".join((*actions.action_names(), *own))
            raise ArgumentError(f"There is no action {name!r}", NOTHING_DONE, f"Use one of: {known}")
        return actions.find_action(name)

    def _with_default_name(self, request: EditRequest) -> EditRequest:
        """Return a request for a rename with the new name; other actions choose a free name themselves."""
        name = name_at(request.document, request.start) if request.action == "rename" else ""
        return replace(request, instruction=default_name(name)) if name else request

    def _with_note(self, request: EditRequest) -> EditRequest:
        """Return a request with the instruction of a comment beside its lines."""
        document, tree = request.document, request.tree
        note, start, end = find_instruction(document, tree, request.start, request.end)
        if note is None:
            raise EditRefused(
                "The edit has no instruction",
                NOTHING_DONE,
                "Write a comment `spark: what to do` above the lines, or use an editor that asks for it",
                code=Code.INSTRUCTION_MISSING,
            )
        return replace(request, start=start, end=end, instruction=note.instruction, note=note)

    def read_lines(self, argument: Any) -> tuple[Document, int, int]:
        """Return the document and the complete lines in the argument of a command that changes nothing."""
        fields = require_object(argument, "The command needs one argument, an object")
        document = self.find_document(fields)
        start, end = self._read_offsets(document, fields.get("range"))
        return document, *find_target("explain", document, SyntaxTree.of(document), start, end, ())

    def convert_diagnostic(self, document: Document, diagnostic: types.Diagnostic) -> Diagnostic:
        """Return an LSP diagnostic with offsets in place of positions."""
        start, end = convert.to_offsets(document, diagnostic.range, self._documents.encoding)
        code, source = str(diagnostic.code or ""), diagnostic.source or ""
        return Diagnostic(start, end, diagnostic.message, code, source)

    def find_document(self, fields: Mapping[str, Any]) -> Document:
        """Return the document that an argument names; see the class."""
        if not (uri := read_text(fields, "uri", MAX_TEXT_CHARACTERS)):
            raise ArgumentError("The command names no document", NOTHING_DONE)
        version: object = fields.get("version")
        if version is not None and type(version) is not int:
            raise ArgumentError("The command's version is not a number", NOTHING_DONE)
        document = self._documents.get(uri)
        if document is None:
            why = str(self._documents.find_problem(uri))
            raise EditRefused("The document cannot be edited", why, code=Code.DOCUMENT_UNUSABLE)
        self._require_permission(uri)
        if version is not None and version != document.version:
            event = "The action belongs to an earlier text"
            raise EditRefused(event, NOTHING_DONE, "Ask for it again", code=Code.TEXT_CHANGED)
        return document

    def _require_permission(self, uri: str) -> None:
        """Raise `EditRefused` for a document that is withheld, or that its project excludes from edits."""
        exclusion = self._outgoing.exclusion
        refusal = exclusion.verdict(uri) if self._outgoing.withholds(uri) else None
        if refusal is None and not exclusion.find_narrowing(uri).edits:
            refusal = Code.EXCLUDED_BY_PROJECT, "edit.enabled is false"
        if refusal is not None:
            reason, detail = refusal
            raise EditRefused(
                f"No edit: {TEXTS[reason]}" + (f" ({detail})" if detail else ""),
                "Nothing was sent",
                REMEDIES[reason].capitalize(),
                code=reason,
            )

    def _read_offsets(self, document: Document, value: Any) -> tuple[int, int]:
        try:
            lsp_range = types.Range(_read_position(value["start"]), _read_position(value["end"]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ArgumentError("The command's range is not an LSP range", NOTHING_DONE) from error
        return convert.to_offsets(document, lsp_range, self._documents.encoding)

    def _read_diagnostics(self, document: Document, fields: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
        values: object = fields.get("diagnostics") or list[Any]()
        if not isinstance(values, list):
            raise ArgumentError("The command's diagnostics are not a list", NOTHING_DONE)
        return tuple(self._read_diagnostic(document, value) for value in cast(list[Any], values))

    def _read_diagnostic(self, document: Document, value: Any) -> Diagnostic:
        """Return a diagnostic that arrived as JSON."""
        if isinstance(value, types.Diagnostic):
            return self.convert_diagnostic(document, value)
        fields = cast(dict[str, Any], value) if isinstance(value, dict) else {}
        start, end = self._read_offsets(document, fields.get("range"))
        message, code, source = (str(fields.get(name, "")) for name in ("message", "code", "source"))
        return Diagnostic(start, end, message, code, source)


def _place_tests(request: EditRequest) -> EditRequest:
    """Return a request for tests with their place; an instruction to write tests is such a request too."""
    instruction, language = request.instruction, request.document.language
    if request.action == "instruct" and is_request_for_tests(instruction, language):
        return replace(request, action="tests", in_place=True)
    if request.action == "tests" and asks_for_same_file(instruction):
        return replace(request, in_place=True)
    return request


def require_object(argument: Any, message: str) -> dict[str, Any]:
    """Return an argument that is an object. Raises `ArgumentError`."""
    if not isinstance(argument, dict):
        raise ArgumentError(message, NOTHING_DONE)
    return cast(dict[str, Any], argument)


def read_text(fields: Mapping[str, Any], name: str, max_characters: int) -> str:
    """Return a text of an argument; empty if it has none. Raises `ArgumentError` for anything else."""
    value: object = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > max_characters:
        raise ArgumentError(
            f"The command's {name} is not a text of up to {max_characters} characters", NOTHING_DONE
        )
    return value


def _read_position(value: Any) -> types.Position:
    """Return a position that arrived as JSON; some editors write integers as `1.0`."""
    return types.Position(_read_integer(value["line"]), _read_integer(value["character"]))


def _read_integer(value: Any) -> int:
    if isinstance(value, bool) or value != int(value):
        raise ValueError("not an integer")
    return int(value)
