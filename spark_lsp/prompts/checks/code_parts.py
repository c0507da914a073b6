"""The strings and the other code of a text, by the lexical rules of its language; no grammar is needed."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from spark_lsp.prompts.shaping.lexical import Family, Literal, find_family

_FIELD = re.compile(r"(?<=[\w)\]?])(?:\.|->|::)([^\W\d]\w*)(?![\w(]|\s*\()")
_CALL = re.compile(
    r"(?<![\w.])(?!(?:if|for|while|return|switch|and|or|not|in|elif|with|assert)\b)"
    r"([^\W\d][\w.:]*)\s*\("
)
_NUMBER = re.compile(r"(?<![\w.])\d[\w.]*")
_SUM = re.compile(r"(?<![+*/%-])[+*/%](?![+*/%=])")


@dataclass(frozen=True)
class CodeParts:
    """The contents of the strings of a text, and its code with empty strings and without comments."""

    strings: tuple[str, ...]
    code: str

    def fields(self) -> set[str]:
        """Return the attributes that the code reads or writes, without the methods that it calls."""
        return set(_FIELD.findall(self.code))

    def values(self) -> Counter[str]:
        """Return how often the code has each string, number, field, call and sum."""
        found = Counter(f'"{each}"' for each in self.strings)
        for pattern in (_NUMBER, _FIELD, _CALL, _SUM):
            found.update(pattern.findall(self.code))
        return found


def read_parts(language: str, text: str) -> CodeParts:
    """Return the strings and the code of a text."""
    family = find_family(language)
    strings: list[str] = []
    code: list[str] = []
    at = 0
    for match in _literals(family).finditer(text) if family.literals else ():
        if match.start() < at:
            continue  # inside a literal
        code.append(text[at : match.start()])
        kind = match.lastgroup or ""
        if not kind.startswith("literal"):
            code.append(match[0])
            at = match.end()
            continue
        literal = family.literals[int(kind.removeprefix("literal"))]
        end, at = _find_end(literal, match[0], text, match.end())
        if not literal.is_comment:
            strings.append(text[match.end() : end])
            code.append('""')
    return CodeParts(tuple(strings), "".join([*code, text[at:]]))


@lru_cache
def _literals(family: Family) -> re.Pattern[str]:
    parts = [f"(?P<skip>{'|'.join(family.skipped)})"] if family.skipped else []
    parts += [f"(?P<literal{number}>{each.opener})" for number, each in enumerate(family.literals)]
    return re.compile("|".join(parts), re.MULTILINE)


def _find_end(literal: Literal, opener: str, text: str, at: int) -> tuple[int, int]:
    """Return the ends of a literal's content and of the literal; a line end also ends most of them."""
    closer = literal.closer_for(opener)
    while at < len(text):
        if literal.escapes and text[at] == "\\":
            at += 2
        elif text.startswith(closer, at):
            return at, at if closer == "\n" else at + len(closer)
        elif text[at] == "\n" and not literal.spans_lines:
            return at, at
        else:
            at += 1
    return len(text), len(text)
