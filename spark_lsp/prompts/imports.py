"""The imports of a file, read from its text.

Regular expressions find them, because the text around a cursor often does not parse. An import in a string or
a comment may be found too; it costs a look for a file that is not there.
"""

import re
from dataclasses import dataclass
from itertools import islice

MAX_IMPORTS = 200
MAX_CLAUSE_CHARS = 2_000  # between `import` and `from`
MAX_CHARS = 200_000  # of a file that is searched
PYTHON = frozenset(("python",))
SCRIPTS = frozenset(("javascript", "javascriptreact", "typescript", "typescriptreact"))
LANGUAGES = PYTHON | SCRIPTS
EVERYTHING = "*"
_FROM = re.compile(
    r"^[ \t]*from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\((?:[^()]{0,4000})\)|[^\n;#]+)", re.MULTILINE
)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_COMMENT = re.compile(r"#[^\n]*|//[^\n]*|/\*.*?\*/", re.DOTALL)
_BINDING = re.compile(r"(\*|[\w.]+)(?:\s+as\s+(\w+))?")
_SCRIPT_MODULE = re.compile(r"""\bfrom\s*(["'])([^"'\n]{1,300})\1""")
_STATEMENT = re.compile(r"^[ \t]*(import|export)\b(?:[ \t]+type\b)?", re.MULTILINE)
_OTHER_CODE = re.compile(r"[;\"'()=]")  # never between `import` and `from`
_REQUIRE = re.compile(
    r"""\b(?:const|let|var)\s+(\{[^{}]{0,4000}\}|[\w$]+)\s*=\s*require\(\s*(["'])([^"'\n]{1,300})\2\s*\)"""
)
_BRACES = re.compile(r"\{([^{}]*)\}")
_SCRIPT_BINDING = re.compile(r"^(?:type\s+)?([\w$]+)(?:\s*(?:\bas\b|:)\s*([\w$]+))?$")
_NAMESPACE = re.compile(r"\*\s*as\s+([\w$]+)")
_DEFAULT = re.compile(r"^\s*([\w$]+)\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class ImportedName:
    """One name that an import binds.

    `module` is as in the file. `name` is the name there: empty for the module itself, `*` for all names.
    `local` is the name in this file.
    """

    module: str
    name: str
    local: str


def find_imports(text: str, language: str) -> tuple[ImportedName, ...]:
    """Return the imports of a file, in their order; empty for other languages."""
    text = text[:MAX_CHARS]
    if language in PYTHON:
        found = _find_in_python(text)
    elif language in SCRIPTS:
        found = _find_in_script(text)
    else:
        return ()
    return tuple(dict.fromkeys(found))[:MAX_IMPORTS]


def _find_in_python(text: str) -> list[ImportedName]:
    found: list[tuple[int, ImportedName]] = []
    for match in islice(_FROM.finditer(text), MAX_IMPORTS):
        names = _COMMENT.sub("", match[2].strip("()"))
        for binding in _BINDING.finditer(names):
            name = binding[1]
            found.append((match.start(), ImportedName(match[1], name, binding[2] or name)))
    for match in islice(_IMPORT.finditer(text), MAX_IMPORTS):
        for binding in _BINDING.finditer(match[1]):
            module = binding[1].strip(".")
            if module and module != EVERYTHING:
                found.append((match.start(), ImportedName(module, "", binding[2] or module)))
    return [each for _, each in sorted(found, key=lambda pair: pair[0])]


def _find_in_script(text: str) -> list[ImportedName]:
    found: list[tuple[int, ImportedName]] = []
    for match in islice(_SCRIPT_MODULE.finditer(text), MAX_IMPORTS):
        before = text[max(match.start() - MAX_CLAUSE_CHARS, 0) : match.start()]
        statements = list(_STATEMENT.finditer(before))
        clause = _COMMENT.sub("", before[statements[-1].end() :]) if statements else "="
        if not _OTHER_CODE.search(clause):
            is_export = statements[-1][1] == "export"
            bindings = _read_bindings(match[2], clause, is_export=is_export)
            found += ((match.start(), each) for each in bindings)
    for match in islice(_REQUIRE.finditer(text), MAX_IMPORTS):
        target = match[1]
        if target.startswith("{"):
            names = _read_names(match[3], target[1:-1])
        else:
            names = [ImportedName(match[3], "", target)]
        found += ((match.start(), each) for each in names)
    return [each for _, each in sorted(found, key=lambda pair: pair[0])]


def _read_bindings(module: str, clause: str, *, is_export: bool) -> list[ImportedName]:
    """Return the names between `import` (or `export`) and `from`."""
    found: list[ImportedName] = []
    braces = _BRACES.search(clause)
    rest = _BRACES.sub("", clause)
    if namespace := _NAMESPACE.search(rest):
        found.append(ImportedName(module, "", namespace[1]))
    elif is_export and "*" in rest:
        found.append(ImportedName(module, EVERYTHING, EVERYTHING))
    if not is_export and (default := _DEFAULT.match(rest)) and default[1] != "type":
        found.append(ImportedName(module, "default", default[1]))
    return found + (_read_names(module, braces[1]) if braces else [])


def _read_names(module: str, names: str) -> list[ImportedName]:
    """Return the names of a list such as `a, b as c`."""
    items = (_SCRIPT_BINDING.match(item.strip()) for item in _COMMENT.sub("", names).split(","))
    return [ImportedName(module, match[1], match[2] or match[1]) for match in items if match]
