"""Names and attributes in inserted code that do not exist.

`find_unresolved` knows one file. It is lenient, because a false alarm hides a right answer: a name exists if
code binds or uses it anywhere else in the file. It examines Python, JavaScript and TypeScript; for all other
languages, for texts without a tree and for code inside ERROR nodes, it finds nothing.

`find_attributes` lists the attributes of other objects, which only type inference can judge
(`lsp/members`).
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from tree_sitter import Node

from spark_lsp.prompts import names_python
from spark_lsp.prompts.module_aliases import MODULE_ALIASES
from spark_lsp.prompts.names_code import InsertedCode, LanguageRules, text_of, walk
from spark_lsp.prompts.names_rules import LANGUAGES
from spark_lsp.prompts.syntax import SyntaxTree

MAX_KNOWN = 12  # names that do exist, for one that does not
_CLOSE = 0.6  # least similarity of a close name, as difflib measures it
_MIN_LISTED = 3  # characters of a name that is listed without being close

Kind = Literal["name", "attribute"]


@dataclass(frozen=True, slots=True)
class UnresolvedName:
    """A name in inserted text that does not exist.

    `offset` is its beginning in the inserted text (0 if it begins before it). `cut` is the offset before its
    statement, at which the inserted text can end. `known` are names that exist: close ones first. `of` is the
    expression before an attribute's dot. `is_module` marks a module that is only not imported.
    """

    name: str
    offset: int
    kind: Kind
    cut: int
    known: tuple[str, ...] = ()
    of: str = ""
    is_module: bool = False


@dataclass(frozen=True, slots=True)
class AttributeUse:
    """An attribute in inserted text that the file alone cannot judge. Its fields mean the same as above."""

    name: str
    offset: int
    cut: int
    of: str


def find_unresolved(
    before: str, inserted: str, after: str, language: str, tree: SyntaxTree | None = None
) -> tuple[UnresolvedName, ...]:
    """Return the names, and the attributes of `self` or `this`, that do not exist, in order.

    `tree` is that of the complete text, if it is known already.
    """
    rules = LANGUAGES.get(language)
    code = InsertedCode(before, inserted, after, language, tree)
    if rules is None or not inserted.strip() or code.root is None:
        return ()
    nodes = list(code.inserted_nodes())
    found = list(_find_attributes_of_self(rules, code, nodes))
    if not rules.is_dynamic(code.text):
        found += _find_names(rules, code, nodes)
    return tuple(sorted(found, key=lambda each: each.offset))


def _find_names(rules: LanguageRules, code: InsertedCode, nodes: list[Node]) -> Iterator[UnresolvedName]:
    bound = {text_of(node) for node in nodes if rules.is_name(node) and rules.is_binding(node)}
    known: dict[str, bool] = {}
    for node in nodes:
        if not rules.is_name_use(node):
            continue
        name = text_of(node)
        if name not in known:
            known[name] = (
                name in bound
                or name in rules.globals
                or not name.strip("_")
                or any(rules.is_name(other) for other in code.occurrences(name))
            )
        if not known[name]:
            yield _make_unresolved_name(rules, code, node)


def _make_unresolved_name(rules: LanguageRules, code: InsertedCode, node: Node) -> UnresolvedName:
    name = text_of(node)
    assert code.root is not None
    names = (each for each in walk(code.root) if rules.is_name(each) and not code.is_inserted(each))
    pool = sorted({text_of(each) for each in names if rules.is_binding(each)} | rules.globals)
    close = tuple(get_close_matches(name, pool, MAX_KNOWN, _CLOSE))
    is_owner = node.parent is not None and node.parent.type == "attribute" and node.parent.children[0] == node
    is_module = name in MODULE_ALIASES or name in sys.stdlib_module_names
    return UnresolvedName(
        name, code.offset_of(node), "name", code.cut_of(node, rules.statements), close,
        is_module=is_owner and is_module and code.language == "python",
    )  # fmt: skip


def _find_attributes_of_self(
    rules: LanguageRules, code: InsertedCode, nodes: list[Node]
) -> Iterator[UnresolvedName]:
    for node in nodes:
        name = rules.self_attribute(node)
        attribute = node.children[-1] if node.children else node
        if name is None or not code.is_inserted(attribute) or rules.is_assigned(node):
            continue
        if name.startswith("__") and name.endswith("__"):
            continue
        cls = rules.class_around(node)
        members = None if cls is None else rules.members_of(code, cls)
        if members is None or name in members:
            continue
        yield UnresolvedName(
            name, code.offset_of(attribute), "attribute", code.cut_of(node, rules.statements),
            order_known(name, members - rules.usual_members), text_of(node.children[0]),
        )  # fmt: skip


def order_known(name: str, members: frozenset[str]) -> tuple[str, ...]:
    """Return at most `MAX_KNOWN` members: close ones first, then public ones in alphabetical order."""
    pool = sorted(each for each in members if not each.startswith("__"))
    close = get_close_matches(name, pool, MAX_KNOWN, _CLOSE)
    others = [each for each in pool if each not in close and len(each) >= _MIN_LISTED]
    others.sort(key=lambda each: each.startswith("_"))
    return tuple([*close, *others][:MAX_KNOWN])


def find_closest(wrong: UnresolvedName) -> str:
    """Return the known name that is most similar to one that does not exist; empty if none is similar."""
    return next(iter(get_close_matches(wrong.name, wrong.known, 1, _CLOSE)), "")


def find_attributes(before: str, inserted: str, after: str, language: str) -> tuple[AttributeUse, ...]:
    """Return the attributes of objects other than `self` that inserted Python code reads.

    Attributes that the file uses anywhere else are left out: they exist, as far as the file tells.
    """
    code = InsertedCode(before, inserted, after, language)
    if language != "python" or not inserted.strip() or code.root is None:
        return ()
    found: list[AttributeUse] = []
    for node in code.inserted_nodes():
        if node.type != "attribute" or names_python.self_attribute(node) is not None:
            continue
        attribute = node.child_by_field_name("attribute")
        if attribute is None or not code.is_inserted(attribute) or names_python.is_assigned(node):
            continue
        name = text_of(attribute)
        if name.startswith("__") or any(_is_attribute(each) for each in code.occurrences(name)):
            continue
        cut = code.cut_of(node, names_python.STATEMENTS)
        found.append(AttributeUse(name, code.offset_of(attribute), cut, text_of(node.children[0])))
    return tuple(sorted(found, key=lambda each: each.offset))


def _is_attribute(node: Node) -> bool:
    return node.parent is not None and node.parent.type == "attribute" and node.parent.children[-1] == node
