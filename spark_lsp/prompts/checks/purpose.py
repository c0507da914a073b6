"""The purpose of a change: that of its action, or of an instruction that clearly asks for the same."""

import re

_ARTICLE = r"(?:(?:a|an|the|some|more|missing)\s+)*"
_THIS = r"(?:this|these|it|the\s+(?:selected|following)|[`'\"]?[\w.]+[`'\"]?)\b"
_OF_THIS = rf"(?:\s+(?:for|to|of)\s+(?:all\s+)?{_THIS}.*)?"
_PURPOSES = {
    "tests": rf"(?:write|add|create|generate)\s+{_ARTICLE}(?:unit\s+)*tests?(?:\s+(?:function|case)s?)?",
    "types": rf"(?:write|add|insert)\s+{_ARTICLE}(?:type|typing)\s*(?:hint|annotation)s?",
    "document": rf"(?:write|add|insert)\s+{_ARTICLE}(?:docstring|documentation|doc\s+comment|jsdoc)s?",
}
_PATTERNS = {
    purpose: re.compile(rf"\s*(?:please\s+)?{pattern}{_OF_THIS}\s*\.?\s*", re.IGNORECASE)
    for purpose, pattern in _PURPOSES.items()
}
_MORE = re.compile(r"\b(?:and|then|also|but)\b|[;:]", re.IGNORECASE)  # the instruction requests more


def find_purpose(action: str, instruction: str) -> str:
    """Return the action whose rules a change must keep.

    "Write a test for this" as an instruction has the rules of the action `tests`. An instruction that
    requests more than that has those of `instruct`.
    """
    if action != "instruct" or _MORE.search(instruction):
        return action
    found = (purpose for purpose, pattern in _PATTERNS.items() if pattern.fullmatch(instruction))
    return next(found, action)
