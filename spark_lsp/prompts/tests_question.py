"""The request for tests: the code under test by its name, the framework, and how to import the code."""

import posixpath
import re
from dataclasses import dataclass

from spark_lsp.prompts.definitions import Definition
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.prompts.tests_layout import TESTED
from spark_lsp.text.document import Document
from spark_lsp.text.lines import indent_width

_REQUEST = re.compile(
    r"\s*(?:please\s+)?(?:write|add|create|generate)\s+(?:me\s+)?(?:an?\s+|some\s+|the\s+|more\s+)?"
    r"(?:unit[ -]?)?tests?\b(?!\s+(?:data|file|id)\b)",
    re.IGNORECASE,
)
_BELOW = re.compile(r"\b(?:below|in (?:this|the same) file|here|under (?:it|this)|beneath)\b", re.IGNORECASE)
_KEYWORDS = (
    "def|defp|fn|func|function|fun|class|struct|enum|trait|interface|object|record|type|module|sub|defmodule"
    "|protocol|actor"
)
_NAME_PATTERNS = (
    rf"\b(?:{_KEYWORDS})\s+(?:\([^)\n]*\)\s*)?(\w+)",
    r"\b(?:const|let|var|val)\s+(\w+)",
    r"(\w+)\s*[=:]\s*(?:async\s*)?(?:function\b|\()",
    r"\bimpl\b(?:<[^>\n]*>)?\s*(\w+)",
    r"(\w+)\s*\(",
)
_FRAMEWORKS = {
    "python": "pytest",
    "go": "the package testing",
    "rust": "`#[test]` functions",
    "java": "JUnit 5",
    "kotlin": "kotlin.test",
    "scala": "ScalaTest",
    "php": "PHPUnit",
    "elixir": "ExUnit",
    "dart": "package:test",
    "lua": "busted",
    "swift": "XCTest",
    "zig": "`test` blocks",
}
_SCRIPT_FRAMEWORKS = ("vitest", "jest", "mocha", "ava")


@dataclass(frozen=True, slots=True)
class Subject:
    """The code under test: its name, and that of the definition at the outermost level around it."""

    name: str
    outer: str

    @property
    def label(self) -> str:
        """The name with that of its class: `Account.withdraw`."""
        return self.name if self.outer in ("", self.name) else f"{self.outer}.{self.name}"


def is_request_for_tests(instruction: str, language: str) -> bool:
    """Tell whether an instruction asks for tests of the code, in a language whose tests are known."""
    return language in TESTED and _REQUEST.match(instruction) is not None


def asks_for_same_file(instruction: str) -> bool:
    """Tell whether an instruction names the file of the code as the place of the tests."""
    return _BELOW.search(instruction) is not None


def find_subject(document: Document, tree: SyntaxTree, offset: int) -> Subject | None:
    """Return the code under test at an offset, or None without a definition there."""
    definition = tree.definition_at(offset)
    if definition is None:
        return None
    outer = find_outermost(document, tree, definition)
    return Subject(_name_of(document, definition), _name_of(document, outer))


def find_outermost(document: Document, tree: SyntaxTree, definition: Definition) -> Definition:
    """Return the definition without indentation around another one, or that one itself."""
    line = document.line_at(definition.start)
    while line > 0 and (indent_width(document.line(line)) > 0 or not document.line(line).strip()):
        line -= 1
    outer = tree.definition_at(document.line_start(line))
    is_around = outer is not None and outer.start <= definition.start and definition.end <= outer.end
    return outer if outer is not None and is_around else definition


def _name_of(document: Document, definition: Definition) -> str:
    head = document.text[definition.start : definition.end]
    lines = [each for each in head.split("\n") if each.strip() and not each.strip().startswith(("@", "#["))]
    first = lines[0] if lines else ""
    for pattern in _NAME_PATTERNS:
        if match := re.search(pattern, first):
            return match[1]
    return ""


def script_framework(package: str) -> str:
    """Return the test framework that a package.json names, or the one that Node.js contains."""
    return next((each for each in _SCRIPT_FRAMEWORKS if f'"{each}"' in package), "node:test and node:assert")


def build_tests_question(
    instruction: str, subject: Subject, language: str, source: str, test: str, root: str, framework: str
) -> str:
    """Return the request for tests of a subject in the file `source`.

    `test` is the path of the test file, or that of the source; `root` is the project's folder; `framework`
    overrides the language's usual one.
    """
    used = framework or _FRAMEWORKS.get(language, "")
    if language == "ruby":
        used = "RSpec" if test.endswith("_spec.rb") else "Minitest"
    hints = [f"{instruction.rstrip('. ')}: `{subject.label}`{f', with {used}' if used else ''}."]
    if test != source and (hint := import_hint(subject.outer or subject.name, language, source, test, root)):
        hints.append(f"Import it with `{hint}`.")
    hints.append("Do not change or repeat these lines: answer with the code of the tests only")
    return " ".join(hints)


def import_hint(name: str, language: str, source: str, test: str, root: str) -> str:
    """Return the statement that imports a name into a test file, or an empty text if it needs none."""
    if language == "python":
        return f"from {python_module(source, root)} import {name}"
    if language.startswith(("javascript", "typescript")):
        path = posixpath.relpath(source, posixpath.dirname(test))
        stem, end = posixpath.splitext(path if path.startswith("..") else f"./{path}")
        is_script = end in (".js", ".mjs", ".cjs", ".jsx")
        return f'import {{ {name} }} from "{stem}{end if is_script else ""}"'
    return ""


def python_module(path: str, root: str) -> str:
    """Return the dotted name of the module in a file, relative to a project's folder or its `src`."""
    inside = posixpath.relpath(path, root)
    inside = posixpath.basename(path) if inside.startswith("../") else inside.removeprefix("src/")
    return inside.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
