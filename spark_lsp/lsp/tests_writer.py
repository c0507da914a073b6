"""Finds the file in which tests belong, and makes the edit that adds them; the tested code stays the same.

The tests go to the project's test file, which is created if the editor can create files, or into the file of
the code where that is the language's custom (Rust), or where the user wants them there.
"""

import os
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lsprotocol import types

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.lsp import convert
from spark_lsp.lsp.abilities import Abilities
from spark_lsp.lsp.beside.source_files import find_stamp, read_unchanged, uri_of
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.lsp.exclusion import local_path
from spark_lsp.privacy.uris import is_file, path_of
from spark_lsp.prompts import gate, reply
from spark_lsp.prompts.checks.refusal import ProposalRefused, refuse
from spark_lsp.prompts.known_statements import drop_known
from spark_lsp.prompts.module_paths import find_root
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.prompts.tests_insertion import insertion_below, insertion_edits, insertion_inside
from spark_lsp.prompts.tests_layout import ROOT_FILES, SAME_FILE, SCRIPTS, is_test_file, list_test_files
from spark_lsp.prompts.tests_question import (
    Subject,
    build_tests_question,
    find_outermost,
    find_subject,
    script_framework,
)
from spark_lsp.request import EditFormat
from spark_lsp.session.documents import Documents
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

NOTHING_WRITTEN = "No test was written"
CREATE_OPTIONS = types.CreateFileOptions(overwrite=False, ignore_if_exists=False)


@dataclass(frozen=True, slots=True)
class TestFile:
    """A file of tests: its path, its text, and its version in the editor if it is open.

    `is_new` tells whether the file has to be created.
    """

    path: str
    document: Document
    version: int | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class TestsPlan:
    """The tests of a request: the code under test, the question to the model, and their file.

    Without `file`, they belong into the file of the code.
    """

    subject: Subject
    question: str
    file: TestFile | None = None


class TestsWriter:
    """Plans and makes edits that add tests. `roots` returns the URIs of the open folders."""

    def __init__(self, documents: Documents, roots: Callable[[], Sequence[str]]) -> None:
        self._documents = documents
        self._roots = roots

    def plan(self, request: EditRequest, abilities: Abilities) -> TestsPlan:
        """Return where the tests belong. Raises `EditRefused` if they cannot be written there."""
        document = request.document
        subject = find_subject(document, request.tree, request.start)
        if subject is None or not subject.name:
            raise _make_refusal("There is no function or class to test here", "Put the cursor in one")
        source = path_of(document.uri)
        if request.in_place or document.language in SAME_FILE:
            question = build_tests_question(
                request.instruction, subject, document.language, source, source, "", ""
            )
            return TestsPlan(subject, question)
        if not is_file(document.uri):
            raise _make_refusal(
                "The text is not saved in a file, so its tests have no place",
                "Save it, or use the instruction `Write a test below it`",
            )
        if is_test_file(source, document.language):
            raise _make_refusal("This is a file of tests", "Put the cursor in the code under test")
        root = self._find_root(source)
        path, is_new = self._choose_file(source, root, document.language)
        if is_new and not abilities.creates_files:
            raise _make_refusal(
                f"There is no test file {posixpath.relpath(path, root)}, and this editor cannot create it",
                "Create it, or use the instruction `Write a test below it`",
            )
        framework = _read_script_framework(root) if document.language in SCRIPTS else ""
        question = build_tests_question(
            request.instruction, subject, document.language, source, path, root, framework
        )
        return TestsPlan(subject, question, self._read_file(path, document.language, is_new))

    def _find_root(self, source: str) -> str:
        """Return the folder of the project: the nearest one with a project's file inside the open folder."""
        folder = posixpath.dirname(source)
        top = find_root(source, [path_of(root) for root in self._roots()]) or folder
        top = top.rstrip("/")
        while folder.startswith(top) and folder:
            if any(os.path.exists(local_path(f"{folder}/{name}")) for name in ROOT_FILES):
                return folder
            if folder == top:
                break
            folder = posixpath.dirname(folder)
        return top or posixpath.dirname(source)

    def _choose_file(self, source: str, root: str, language: str) -> tuple[str, bool]:
        """Return the test file, and whether it has to be created."""
        files = list_test_files(source, root, language)
        assert files is not None, "the action is offered for languages with known customs only"
        for path in files.files:
            if self._find_open(path) is not None or os.path.isfile(local_path(path)):
                return path, False
        for path in files.files:
            folder = posixpath.dirname(path)
            if folder != posixpath.dirname(source) and os.path.isdir(local_path(folder)):
                return path, True
        return files.usual, True

    def _find_open(self, path: str) -> Document | None:
        for document in self._documents.list_usable():
            if is_file(document.uri) and path_of(document.uri) == path:
                return document
        return None

    def _read_file(self, path: str, language: str, is_new: bool) -> TestFile:
        """Return the test file as the editor or the disk has it. Raises `EditRefused`."""
        opened = self._find_open(path)
        if opened is not None:
            return TestFile(path, opened, self._documents.version_of(opened))
        uri = uri_of(path)
        if is_new:
            return TestFile(path, Document(uri, "", 0, language), is_new=True)
        stamp = find_stamp(local_path(path))
        text = None if stamp is None else read_unchanged(local_path(path), stamp)
        if text is None:
            name = posixpath.basename(path)
            raise _make_refusal(
                f"The test file {name} cannot be read", "Open it in the editor, and try again"
            )
        return TestFile(path, Document(uri, text, 0, language))

    def read_edits(self, plan: TestsPlan, request: EditRequest, form: EditFormat, answer: str) -> list[Edit]:
        """Return the edits that add the tests in an answer to their file. Raises `EditRefused`.

        They are edits of the request's document if the plan has no other file.
        """
        code = _read_tests(plan, request, form, answer)
        if plan.file is None:
            edits = _edit_source(request, code)
            gate.check_proposal("tests", request.document, request.tree, (0, len(request.document)), edits)
            return edits
        test, eol = plan.file.document, request.document.eol
        edits = insertion_edits(test, code)
        if plan.file.is_new:  # an empty file has no line ends
            edits = [Edit(each.start, each.end, each.new.replace("\n", eol)) for each in edits]
        try:
            gate.check_proposal("tests", test, SyntaxTree.of(test), (0, len(test)), edits)
        except ProposalRefused as error:
            error.edits = ()  # they do not belong to the request's document
            raise
        return edits

    def make_edit(self, file: TestFile, edits: Sequence[Edit], abilities: Abilities) -> types.WorkspaceEdit:
        """Return the change of a test file, which creates it if it is new."""
        made = convert.to_workspace_edit(
            file.document, file.version, edits, self._documents.encoding, versioned=abilities.takes_versions
        )
        if file.is_new:
            create = types.CreateFile(file.document.uri, options=CREATE_OPTIONS)
            made.document_changes = [create, *(made.document_changes or ())]
        return made


def _edit_source(request: EditRequest, code: str) -> list[Edit]:
    """Return the edits that add tests to the file of the code."""
    document, tree = request.document, request.tree
    if document.language in SAME_FILE:
        return insertion_inside(document, code)
    definition = tree.definition_at(request.start)
    assert definition is not None, "the plan has found it"
    outer = find_outermost(document, tree, definition)
    module = posixpath.splitext(posixpath.basename(path_of(document.uri)))[0]
    return insertion_below(document, tree, outer.end, code, module)


def _read_tests(plan: TestsPlan, request: EditRequest, form: EditFormat, answer: str) -> str:
    """Return the tests in an answer. Raises `EditRefused` if it repeats the code, or does not test it."""
    shown, (start, end) = request.seen.document, request.target
    code = reply.read_code(shown, start, end, form, answer)
    target = "\n".join(shown.text[start:end].splitlines()).strip()
    if plan.file is None:
        code = drop_known(shown, request.tree, code).strip("\n")
    code = code.removeprefix(target).strip("\n") if code.startswith(target) else code
    head = next((line.strip() for line in target.split("\n") if line.strip()), "")
    if not code.strip() or any(line.strip() == head for line in code.split("\n")):
        raise refuse(
            "repeats the code instead of testing it",
            Code.PROPOSAL_OFF_REQUEST,
            "Your answer repeats the code. Write only the tests for it.",
        )
    if plan.subject.name not in code:
        raise refuse(
            f"does not test {plan.subject.label!r}",
            Code.PROPOSAL_OFF_REQUEST,
            f"Your answer does not use `{plan.subject.label}`. Write tests that call it.",
        )
    return code


def _read_script_framework(root: str) -> str:
    """Return the test framework of a JavaScript project, by its package.json."""
    path = local_path(f"{root}/package.json")
    stamp = find_stamp(path)
    return script_framework("" if stamp is None else read_unchanged(path, stamp) or "")


def _make_refusal(what: str, remedy: str) -> EditRefused:
    return EditRefused(what, NOTHING_WRITTEN, remedy, code=Code.ACTION_NOT_OFFERED)
