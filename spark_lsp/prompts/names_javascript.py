"""Names and attributes of JavaScript and TypeScript code: uses, bindings, and what a class has.

As lenient as the rules for Python. Names of types are never reported: ambient declarations can be anywhere.
"""

import re
from collections.abc import Iterator

from tree_sitter import Node

from spark_lsp.prompts.javascript_globals import ALL as GLOBALS
from spark_lsp.prompts.names_code import InsertedCode, LanguageRules, ancestors_of, is_field, text_of, walk

STATEMENTS = frozenset(
    {
        *("expression_statement", "return_statement", "throw_statement", "variable_declaration"),
        *("lexical_declaration", "if_statement", "for_statement", "for_in_statement", "while_statement"),
        *("do_statement", "try_statement", "switch_statement", "switch_case", "else_clause", "catch_clause"),
        *("function_declaration", "generator_function_declaration", "class_declaration", "export_statement"),
        *("abstract_class_declaration", "method_definition", "field_definition", "public_field_definition"),
        *("import_statement", "labeled_statement", "enum_declaration", "interface_declaration"),
    }
)
# A script without modules shares its global names with other scripts, which are not known here.
_MODULE = re.compile(r"^[ \t]*(?:import|export)\b|\brequire\(", re.MULTILINE)
_DYNAMIC = re.compile(
    r"/\*\s*globals?\b|\beval\(|\bwith\s*\(|^[ \t]*(?:\}\s*)?declare\s+global\b", re.MULTILINE
)
_NAME_TYPES = {
    *(
        "identifier",
        "shorthand_property_identifier",
        "shorthand_property_identifier_pattern",
        "type_identifier",
    ),
}
_PATTERNS = {
    *("object_pattern", "array_pattern", "rest_pattern", "pair_pattern", "assignment_pattern"),
    *("object_assignment_pattern",),
}
_BINDING_FIELDS = {
    "variable_declarator": "name",
    "function_declaration": "name",
    "generator_function_declaration": "name",
    "function_expression": "name",
    "generator_function": "name",
    "class_declaration": "name",
    "abstract_class_declaration": "name",
    "class": "name",
    "enum_declaration": "name",
    "internal_module": "name",
    "module": "name",
    "function_signature": "name",
    "for_in_statement": "left",
    "catch_clause": "parameter",
    "arrow_function": "parameter",
    "required_parameter": "pattern",
    "optional_parameter": "pattern",
    "index_signature": "name",
}
_BINDING_PARENTS = {
    *("formal_parameters", "import_clause", "import_specifier", "namespace_import", "import_require_clause"),
    *("import_alias", "type_parameter"),
}
_OTHER_POSITIONS = {
    "export_specifier",
    "nested_identifier",
    "type_query",
    "index_signature",
    "namespace_export",
}
_CLASSES = {"class_declaration", "abstract_class_declaration", "class"}
_NEW_THIS = {
    "function_declaration",
    "function_expression",
    "generator_function",
    "generator_function_declaration",
}
_OBJECT_MEMBERS = {
    *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString"),
    *("valueOf", "name", "length", "prototype"),
}


def is_dynamic(text: str) -> bool:
    """Tell whether names of a text may exist that the text does not show."""
    return _MODULE.search(text) is None or _DYNAMIC.search(text) is not None


def is_name(node: Node) -> bool:
    """Tell whether a node is a name that code binds or reads."""
    return node.type in _NAME_TYPES


def is_name_use(node: Node) -> bool:
    """Tell whether a node is a name that code reads, other than a type's."""
    if node.type not in ("identifier", "shorthand_property_identifier") or is_binding(node):
        return False
    parent = node.parent
    if parent is None or parent.type in _OTHER_POSITIONS:
        return False
    is_element = parent.type.startswith("jsx_") and is_field(node, "name")
    return not (is_element and text_of(node)[:1].islower())  # `<div>`


def is_binding(node: Node) -> bool:
    """Tell whether an identifier is bound where it occurs."""
    if node.type == "type_identifier":
        return node.parent is not None and is_field(node, "name") and node.parent.type != "generic_type"
    parent = node.parent
    if parent is None or (
        parent.type in ("assignment_pattern", "object_assignment_pattern") and is_field(node, "right")
    ):
        return False
    target = node
    while target.parent is not None and target.parent.type in _PATTERNS:
        target = target.parent
    if target.parent is None:
        return False
    if target.parent.type in _BINDING_PARENTS:
        return True
    field = _BINDING_FIELDS.get(target.parent.type)
    return field is not None and is_field(target, field)


def self_attribute(node: Node) -> str | None:
    """Return the attribute's name if a node is `this.name`, else None."""
    if node.type != "member_expression":
        return None
    owner = node.child_by_field_name("object")
    attribute = node.child_by_field_name("property")
    if owner is None or attribute is None or owner.type != "this":
        return None
    return text_of(attribute)


def is_assigned(node: Node) -> bool:
    """Tell whether an attribute is assigned where it occurs."""
    parent = node.parent
    return parent is not None and parent.type == "assignment_expression" and is_field(node, "left")


def class_around(node: Node) -> Node | None:
    """Return the class whose `this` a node reads, or None: a function between them has another `this`."""
    for outer in ancestors_of(node):
        if outer.type in _CLASSES:
            return outer
        is_in_object = outer.type == "method_definition" and outer.parent and outer.parent.type == "object"
        if outer.type in _NEW_THIS or is_in_object:
            return None
    return None


def members_of(code: InsertedCode, cls: Node) -> frozenset[str] | None:
    """Return the attributes of a class, or None if it may have others."""
    return _collect_members(code, cls, frozenset())


def _collect_members(code: InsertedCode, cls: Node, seen: frozenset[int]) -> frozenset[str] | None:
    is_open = any(node.type in ("index_signature", "computed_property_name") for node in walk(cls))
    if cls.id in seen or cls.has_error or is_open or "Object.assign(this" in text_of(cls):
        return None
    found = _OBJECT_MEMBERS | set(_own_members(code, cls))
    heritage = next((each for each in cls.children if each.type == "class_heritage"), None)
    same_name = [node for node in _find_types(code, _name_of(cls)) if node != cls]
    if same_name:
        return None  # such as an interface, which adds to the class
    if heritage is None or "extends" not in text_of(heritage):
        return frozenset(found)
    base = _base_in(heritage)
    bases = [] if base is None else list(_find_types(code, base))
    if len(bases) != 1 or bases[0].type not in _CLASSES:
        return None
    inherited = _collect_members(code, bases[0], seen | {cls.id})
    return None if inherited is None else frozenset(found | inherited)


def _base_in(heritage: Node) -> str | None:
    clause = next((each for each in heritage.named_children if each.type == "extends_clause"), heritage)
    first = clause.named_children[0] if clause.named_children else None
    return text_of(first) if first is not None and first.type == "identifier" else None


def _find_types(code: InsertedCode, name: str) -> Iterator[Node]:
    assert code.root is not None
    for node in walk(code.root):
        is_type = node.type in _CLASSES or node.type == "interface_declaration"
        if is_type and name and _name_of(node) == name:
            yield node


def _name_of(definition: Node) -> str:
    name = definition.child_by_field_name("name")
    return "" if name is None else text_of(name)


def _own_members(code: InsertedCode, cls: Node) -> Iterator[str]:
    for node in walk(cls):
        if node.type == "member_expression":
            attribute = self_attribute(node)
            if attribute is not None and (not code.is_inserted(node) or is_assigned(node)):
                yield attribute
        elif node.type in ("property_identifier", "private_property_identifier"):
            if node.parent is not None and node.parent.type != "member_expression":
                yield text_of(node)
        elif node.type in ("accessibility_modifier", "readonly") and node.parent is not None:
            pattern = node.parent.child_by_field_name("pattern")  # a constructor's parameter
            if pattern is not None:
                yield text_of(pattern)


RULES = LanguageRules(
    globals=GLOBALS,
    statements=STATEMENTS,
    usual_members=frozenset(_OBJECT_MEMBERS),
    is_dynamic=is_dynamic,
    is_name=is_name,
    is_name_use=is_name_use,
    is_binding=is_binding,
    is_assigned=is_assigned,
    self_attribute=self_attribute,
    class_around=class_around,
    members_of=members_of,
)
