"""Finds wording that a reader has to parse twice, in documents, docstrings, comments and messages.

usage: python -m tests.prose PATH...        list the findings, one per line

docs/contributing/writing.md gives a better wording for each pattern. `tests/test_prose.py` lists the folders
that are free of them.
"""

import ast
import io
import json
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

_VERBS = (
    "is|are|was|were|has|have|had|comes?|came|stands?|goes|it|they|we|cannot|does|did|needs?|asked|asks|waits?|"
    "must|may|counts|follows|lasts|runs|belongs|knows|reads|sends|others"
)
PATTERNS = {
    "a clause as the subject": rf"\b(?:what|who|whoever|whom) (?:{_VERBS})\b",
    "'is told', 'is said'": r"\b(?:is|are|was|were|be|been|being) (?:told|said|heard|spoken)\b",
    "'is asked', 'is let', 'is looked at'": r"\b(?:is|are|was|were|be) (?:looked|asked|let|waited)\b",
    "'that is no …', 'is none'": r"\b(?:is|are) (?-i:none)\b|\bthat (?:is|are) no\b(?! longer)",
    "'anew', 'meanwhile'": r"\banew\b|\bmeanwhile\b",
    "'stands' for 'is'": r"\b(?:stands?|stood)\b(?! (?:alone|for)\b)",
    "'goes along'": r"\b(?:goes?|comes?|came|went|gone|taken|sent) along\b",
    "'the person' for 'the user'": r"\b(?:a|the) persons?\b|\bwhoever\b",
    "'for ever'": r"\bfor ever\b",
}
_COMPILED = {
    name: re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE) for name, pattern in PATTERNS.items()
}
_CODE_IN_MARKDOWN = re.compile(
    r"^ *(```|~~~).*?^ *\1 *$|`[^`]*`|<!--.*?-->|(?<=\])\([^)\s]*\)", re.DOTALL | re.MULTILINE
)
_COMMENT_MARKS = {".lua": "--", ".ts": "//", ".el": ";", ".mjs": "//"}  # all others: "#"
_BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# "the user who types" is plain; "who types is answered" is not.
_NOUN_BEFORE = re.compile(r"\b(?:(?:the|an?|each|every|any|no|another)\s+[\w-]+|users?)\s+$", re.IGNORECASE)
_MIN_WORDS = 3  # shorter string literals are names, keys or parts of a line
_TEXTS_IN_JSON = ("description", "markdownDescription", "title")


class Passage(NamedTuple):
    """A piece of prose, and the number of its first line in the file."""

    line: int
    text: str


class Finding(NamedTuple):
    """One place with a pattern; `text` is the wording around it."""

    path: Path
    line: int
    pattern: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.pattern}: … {self.text} …"


def findings(path: Path) -> Iterator[Finding]:
    """Give the findings in a file, in the order of its passages."""
    for line, text in passages(path):
        for name, pattern in _COMPILED.items():
            for match in pattern.finditer(text):
                if _has_noun(match):
                    continue
                around = text[max(match.start() - 40, 0) : match.end() + 40]
                yield Finding(path, line + text.count("\n", 0, match.start()), name, " ".join(around.split()))


def _has_noun(match: re.Match[str]) -> bool:
    """Tell whether "who" refers to the noun before it."""
    before = match.string[max(match.start() - 60, 0) : match.start()]
    return match[0].lower().startswith("who") and _NOUN_BEFORE.search(before) is not None


def passages(path: Path) -> Iterator[Passage]:
    """Give the prose of a file: all of a document, the docstrings, comments and messages of a program."""
    source = path.read_text("utf-8")
    match path.suffix:
        case ".md" | ".txt":
            yield Passage(1, _without_code(source))
        case ".py":
            yield from _python_strings(ast.parse(source))
            yield from _joined(_python_comments(source))
        case ".json":
            yield from _json_texts(source)
        case suffix:
            yield from _joined(_comments(source, _COMMENT_MARKS.get(suffix, "#")))


def _without_code(text: str) -> str:
    """Blank code and the targets of links; keep the lines, which number the findings."""
    return _CODE_IN_MARKDOWN.sub(lambda match: "·" + "\n" * match[0].count("\n"), text)


def _python_strings(tree: ast.AST) -> Iterator[Passage]:
    """Give docstrings and messages. An f-string is one passage, with a dot for each value."""
    inside = {
        part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    } - {node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)}
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values=values):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "·" for part in values)
            case ast.Constant(value=str(text)) if node not in inside:
                pass
            case _:
                continue
        if len(text.split()) >= _MIN_WORDS:
            yield Passage(node.lineno, _without_code(text))


def _python_comments(source: str) -> Iterator[Passage]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Passage(token.start[0], token.string.lstrip("#"))


def _comments(source: str, mark: str) -> Iterator[Passage]:
    """Give comments by their mark at the start of a line or after a space; a string may hold it too."""
    for match in _BLOCK_COMMENT.finditer(source):
        yield Passage(source.count("\n", 0, match.start()) + 1, re.sub(r"(?m)^\s*\*", "", match[0]))
    for number, line in enumerate(source.splitlines(), 1):
        if match := re.search(rf"(?:^|\s){re.escape(mark)}+-?\s?(.*)", line):
            yield Passage(number, match[1])


def _joined(comments: Iterator[Passage]) -> Iterator[Passage]:
    """Join comments on successive lines, since a sentence goes on from one to the next."""
    block: list[str] = []
    end = 0
    for line, text in comments:
        if block and line != end:
            yield Passage(end - len(block), _without_code("\n".join(block)))
            block = []
        block.append(text)
        end = line + 1
    if block:
        yield Passage(end - len(block), _without_code("\n".join(block)))


def _json_texts(source: str) -> Iterator[Passage]:
    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, each in cast(dict[str, Any], value).items():
                if key in _TEXTS_IN_JSON and isinstance(each, str):
                    yield each
                else:
                    yield from texts(each)
        elif isinstance(value, list):
            for each in cast(list[Any], value):
                yield from texts(each)

    for text in texts(json.loads(source)):
        line = source.count("\n", 0, max(source.find(json.dumps(text, ensure_ascii=False)), 0)) + 1
        yield Passage(line, _without_code(text))


def files(path: Path) -> list[Path]:
    """Return the files with prose at or below a path; tools' folders are left out."""
    if path.is_file():
        return [path]
    kinds = ("", ".md", ".txt", ".py", ".lua", ".ts", ".el", ".sh", ".toml", ".mjs")
    return sorted(
        each
        for each in path.rglob("*")
        if each.is_file()
        and (each.suffix in kinds or each.name == "package.json")
        and not any(
            part.startswith(".") or part in ("node_modules", "dist", "__pycache__")
            for part in each.relative_to(path).parts
        )
    )


def main() -> None:
    """Print the findings in the files that the command line names."""
    for name in sys.argv[1:]:
        for path in files(Path(name)):
            for finding in findings(path):
                print(finding)


if __name__ == "__main__":
    main()
