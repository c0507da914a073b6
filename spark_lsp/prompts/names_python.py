"""Names and attributes of Python code: which are uses, which are bindings, and what a class has.

The rules are lenient. A name exists if code binds or uses it anywhere else in the file, whatever its scope.
An attribute of `self` exists if the class, or a base class in the same file, assigns or uses it anywhere.
"""

import builtins
import re
from collections.abc import Iterator

from tree_sitter import Node

from spark_lsp.prompts.names_code import InsertedCode, LanguageRules, ancestors_of, is_field, text_of, walk

STATEMENTS = frozenset(
    {
        *(
            "expression_statement",
            "return_statement",
            "raise_statement",
            "assert_statement",
            "delete_statement",
        ),
        *(
            "if_statement",
            "for_statement",
            "while_statement",
            "with_statement",
            "try_statement",
            "match_statement",
        ),
        *("function_definition", "class_definition", "decorated_definition", "type_alias_statement"),
        *("elif_clause", "else_clause", "except_clause", "finally_clause", "case_clause"),
        *("import_statement", "import_from_statement", "global_statement", "nonlocal_statement"),
    }
)
_MODULE_NAMES = {
    *("__name__", "__file__", "__doc__", "__package__", "__spec__", "__loader__", "__path__", "__builtins__"),
    *("__annotations__", "__class__", "__module__", "__qualname__", "__dict__", "__debug__"),
}
# Of newer Pythons and tools, which define them without an import.
_OTHER_NAMES = {"PythonFinalizationError", "EncodingWarning", "reveal_type", "reveal_locals", "WindowsError"}
GLOBALS = frozenset({*dir(builtins), *_MODULE_NAMES, *_OTHER_NAMES})
_DYNAMIC = re.compile(
    r"^[ \t]*from\s+\S+\s+import\s*\(?\s*\*|\bglobals\(\)|\bexec\(|\b__builtins__\b", re.MULTILINE
)
_PATTERNS = {
    *("pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "dictionary_splat_pattern"),
    *("tuple", "list", "parenthesized_expression", "as_pattern_target", "splat_pattern"),
}
_IMPORTS = {"import_statement", "import_from_statement", "future_import_statement"}
_BINDING_FIELDS = {
    "assignment": "left",
    "named_expression": "name",
    "for_statement": "left",
    "for_in_clause": "left",
    "function_definition": "name",
    "class_definition": "name",
    "default_parameter": "name",
    "typed_default_parameter": "name",
    "as_pattern": "alias",
    "except_clause": "alias",
}
_BINDING_PARENTS = {"parameters", "lambda_parameters", "global_statement", "nonlocal_statement", "as_pattern"}
_TRANSPARENT_DECORATORS = {
    "dataclass",
    "final",
    "runtime_checkable",
    "total_ordering",
    "unique",
    "deprecated",
}
_SCOPES = {"function_definition", "class_definition", "lambda"}
_DYNAMIC_CLASS = re.compile(
    r"\bsetattr\(|__dict__|\bvars\(|\b__slots__\b|__getattr__|__getattribute__|\bnamedtuple\b"
)
_EMPTY_BASES = {"object", "ABC", "abc.ABC", "Protocol", "typing.Protocol", "Generic", "typing.Generic"}


def is_dynamic(text: str) -> bool:
    """Tell whether names of a text may exist that the text does not show."""
    return _DYNAMIC.search(text) is not None


def is_name_use(node: Node) -> bool:
    """Tell whether a node is a name that code reads."""
    return node.type == "identifier" and not _is_no_name(node) and not is_binding(node)


def is_name(node: Node) -> bool:
    """Tell whether a node is a name that code binds or reads."""
    return node.type == "identifier" and not _is_no_name(node)


def _is_no_name(node: Node) -> bool:
    """Tell whether an identifier is an attribute, a keyword or a part of a module's path."""
    parent = node.parent
    if parent is None:
        return True
    if parent.type == "attribute":
        return is_field(node, "attribute")
    if parent.type == "keyword_argument":
        return is_field(node, "name")
    if parent.type in ("keyword_pattern", "member_type"):
        first, last = parent.children[0], parent.children[-1]
        return node == (first if parent.type == "keyword_pattern" else last)
    if parent.type == "dotted_name":
        is_first = parent.children[0] == node
        return not is_first or (not is_binding(node) and _is_in_import(parent))
    return False


def _is_in_import(node: Node) -> bool:
    return any(outer.type in _IMPORTS for outer in ancestors_of(node))


def is_binding(node: Node) -> bool:
    """Tell whether an identifier is bound where it occurs."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "dotted_name":
        return _is_bound_dotted(node, parent)
    if parent.type == "aliased_import":
        return is_field(node, "alias")
    if parent.type in _BINDING_PARENTS and not is_field(node, "value"):
        return parent.type != "as_pattern" or parent.children[-1] == node
    if parent.type == "typed_parameter":
        return parent.children[0] == node
    if parent.parent is not None and parent.parent.type == "type_alias_statement":
        return is_field(parent, "left")
    if any(outer.type == "type_parameter" for outer in _outer_types(node)):
        return _is_type_parameter(node)
    target = node
    while target.parent is not None and target.parent.type in _PATTERNS:
        target = target.parent
        if target.type == "splat_pattern":
            return True
    if target.parent is None:
        return False
    if target.parent.type in ("parameters", "lambda_parameters"):
        return True
    if target.parent.type == "typed_parameter":
        return target.parent.children[0] == target
    field = _BINDING_FIELDS.get(target.parent.type)
    return field is not None and is_field(target, field)


def _outer_types(node: Node) -> Iterator[Node]:
    for outer in ancestors_of(node):
        if outer.type not in ("type", "constrained_type", "splat_type", "type_parameter", "generic_type"):
            return
        yield outer


def _is_type_parameter(node: Node) -> bool:
    """Tell whether a name in brackets is a type parameter (`def f[T]`), not an argument (`list[T]`)."""
    inner: Node = node
    for outer in _outer_types(node):
        if outer.type == "constrained_type" and outer.children[0] != inner:
            return False  # the bound of a type parameter
        if outer.type == "type_parameter":
            owner = outer.parent
            if owner is None:
                return False
            if owner.type in ("function_definition", "class_definition"):
                return True
            return any(is_field(each, "left") for each in (owner, *ancestors_of(owner)) if each.parent)
        inner = outer
    return False


def _is_bound_dotted(node: Node, dotted: Node) -> bool:
    outer = dotted.parent
    if outer is None or dotted.children[0] != node:
        return False
    if outer.type in ("case_pattern", "keyword_pattern"):
        return len(dotted.children) == 1
    if outer.type == "import_statement":
        return True
    return outer.type in ("import_from_statement", "future_import_statement") and not is_field(
        dotted, "module_name"
    )


def self_attribute(node: Node) -> str | None:
    """Return the attribute's name if a node is `self.name` or `cls.name`, else None."""
    if node.type != "attribute":
        return None
    owner = node.child_by_field_name("object")
    attribute = node.child_by_field_name("attribute")
    if (
        owner is None
        or attribute is None
        or owner.type != "identifier"
        or text_of(owner) not in ("self", "cls")
    ):
        return None
    return text_of(attribute)


def is_assigned(node: Node) -> bool:
    """Tell whether an attribute is assigned or deleted where it occurs."""
    target = node
    while target.parent is not None and target.parent.type in _PATTERNS:
        target = target.parent
    parent = target.parent
    if parent is None:
        return False
    field = _BINDING_FIELDS.get(parent.type)
    return parent.type == "delete_statement" or (field is not None and is_field(target, field))


def class_around(node: Node) -> Node | None:
    """Return the innermost class around a node, or None."""
    return next((outer for outer in ancestors_of(node) if outer.type == "class_definition"), None)


def members_of(code: InsertedCode, cls: Node) -> frozenset[str] | None:
    """Return the attributes of a class, or None if it may have others."""
    return _collect_members(code, cls, frozenset())


def _collect_members(code: InsertedCode, cls: Node, seen: frozenset[int]) -> frozenset[str] | None:
    if cls.id in seen or not _is_plain_class(cls):
        return None
    found = set(dir(object)) | set(dir(type)) | set(_own_members(code, cls))
    for base in _bases_of(cls):
        inherited = _members_of_base(code, base, seen | {cls.id})
        if inherited is None:
            return None
        found |= inherited
    return frozenset(found)


def _members_of_base(code: InsertedCode, base: Node, seen: frozenset[int]) -> frozenset[str] | None:
    if base.type == "subscript" and (value := base.child_by_field_name("value")) is not None:
        base = value
    name = text_of(base)
    assert code.root is not None
    classes = [node for node in walk(code.root) if node.type == "class_definition" and _name_of(node) == name]
    if classes:
        return _collect_members(code, classes[0], seen) if len(classes) == 1 else None
    if name in _EMPTY_BASES:
        return frozenset()
    kind = getattr(builtins, name, None)
    is_bound = any(is_name(node) and is_binding(node) for node in code.occurrences(name))
    return frozenset(dir(kind)) if isinstance(kind, type) and not is_bound else None


def _name_of(definition: Node) -> str:
    name = definition.child_by_field_name("name")
    return "" if name is None else text_of(name)


def _bases_of(cls: Node) -> list[Node]:
    bases = cls.child_by_field_name("superclasses")
    if bases is None:
        return []
    return [each for each in bases.named_children if each.type not in ("comment", "keyword_argument")]


def _is_plain_class(cls: Node) -> bool:
    """Tell whether the text of a class shows all its attributes: no metaclass, mixin or unknown decorator."""
    if cls.has_error or _name_of(cls).endswith("Mixin"):
        return False
    bases = cls.child_by_field_name("superclasses")
    if bases is not None and any(each.type == "keyword_argument" for each in bases.named_children):
        return False
    outer = cls.parent
    if outer is not None and outer.type == "decorated_definition":
        words = [text_of(each).split("(")[0] for each in outer.children if each.type == "decorator"]
        if any(word.strip("@ ").rpartition(".")[2] not in _TRANSPARENT_DECORATORS for word in words):
            return False
    return _DYNAMIC_CLASS.search(text_of(cls)) is None


def _own_members(code: InsertedCode, cls: Node) -> Iterator[str]:
    """Give the attributes that a class uses of itself, and the names that its body binds.

    A use in the inserted text proves nothing; an assignment there does.
    """
    owners = {"self", "cls", "other", "super()", "type(self)", "self.__class__", _name_of(cls)}
    for node in walk(cls):
        if node.type == "attribute":
            owner = node.child_by_field_name("object")
            attribute = node.child_by_field_name("attribute")
            if owner is None or attribute is None or text_of(owner) not in owners:
                continue
            if not code.is_inserted(attribute) or is_assigned(node):
                yield text_of(attribute)
        elif node.type == "identifier" and is_binding(node) and _is_in_body(node, cls):
            yield text_of(node)


def _is_in_body(node: Node, cls: Node) -> bool:
    """Tell whether a binding belongs to the body of a class, not to a function or class in it."""
    is_definition = node.parent is not None and node.parent.type in _SCOPES and is_field(node, "name")
    inner = node.parent if is_definition and node.parent is not None else node
    return next((outer for outer in ancestors_of(inner) if outer.type in _SCOPES), None) == cls


RULES = LanguageRules(
    globals=GLOBALS,
    statements=STATEMENTS,
    usual_members=frozenset({*dir(object), *dir(type)}),
    is_dynamic=is_dynamic,
    is_name=is_name,
    is_name_use=is_name_use,
    is_binding=is_binding,
    is_assigned=is_assigned,
    self_attribute=self_attribute,
    class_around=class_around,
    members_of=members_of,
)
