"""Names that the change uses and that do not exist, in languages whose names can be judged."""

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.prompts.module_aliases import MODULE_ALIASES
from spark_lsp.prompts.names import UnresolvedName, find_unresolved
from spark_lsp.prompts.names_scopes import find_undefined, find_unused

_MAX_CHARS = 100_000  # of a document: the check walks its tree twice, 60 ms for so much
_SHOWN_NAMES = 6  # that exist, for one that does not


def check_names(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if the new text reads a name or an attribute that the change made undefined."""
    if len(change.new_text) > _MAX_CHARS:
        return
    for name in list_new_undefined(change):
        raise refuse(
            f"uses the undefined name {name!r}",
            Code.PROPOSAL_UNDEFINED_NAME,
            _describe_name(change, name),
        )
    for each in _find_new_attributes(change):
        known = ", ".join(f"`{each.of}.{name}`" for name in each.known[:_SHOWN_NAMES])
        hint = f" These exist: {known}." if known else ""
        raise refuse(
            f"uses the attribute {each.name!r}, which does not exist",
            Code.PROPOSAL_UNDEFINED_NAME,
            f"The attribute `{each.of}.{each.name}` does not exist.{hint} Write the code again without it.",
        )


def check_unused(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if the change defines a local name that nothing reads."""
    if len(change.new_text) > _MAX_CHARS:
        return
    for name in sorted(find_unused(change.new_tree) - find_unused(change.tree)):
        raise refuse(
            f"defines the local name {name!r} and never uses it",
            Code.PROPOSAL_UNUSED_NAME,
            f"Your code defines `{name}` and never uses it. Use it in place of the code that it replaces.",
        )


def list_new_undefined(change: ProposedChange) -> list[str]:
    """Return the names that nothing binds after the change, but that were bound or not there before."""
    old = find_undefined(change.tree)
    return [name for name in find_undefined(change.new_tree) if name not in old]


def _describe_name(change: ProposedChange, name: str) -> str:
    module = MODULE_ALIASES.get(name, name)
    if f"{name}." in change.new_target and change.language == "python":
        return (
            f"The name `{name}` is not defined: the file does not import `{module}`. "
            "Write the code again without it, or import it inside the function."
        )
    before, after = change.document.text[: change.start], change.document.text[change.end :]
    found = find_unresolved(before, change.new_target, after, change.language, change.new_tree)
    known = next((each.known for each in found if each.name == name), ())[:_SHOWN_NAMES]
    hint = f" These names exist: {', '.join(f'`{each}`' for each in known)}." if known else ""
    return f"The name `{name}` is not defined.{hint} Write the code again without undefined names."


def _find_new_attributes(change: ProposedChange) -> list[UnresolvedName]:
    """Return the attributes of `self` or `this` that do not exist, and that the old target did not use."""
    before, after = change.document.text[: change.start], change.document.text[change.end :]
    language = change.language
    new = find_unresolved(before, change.new_target, after, language, change.new_tree)
    found = [each for each in new if each.kind == "attribute"]
    if not found:
        return []
    old = {each.name for each in find_unresolved(before, change.old_target, after, language, change.tree)}
    return [each for each in found if each.name not in old]
