"""The user's own code actions: the setting `actions`. An invalid entry is left out; the others are used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

Report = Callable[[str, str], None]
_LEFT_OUT = "this action is left out"


@dataclass(frozen=True, slots=True)
class OwnAction:
    """A code action of your own: an instruction that you use often."""

    title: Annotated[str, Meta(max_length=60), Meta(description="the title in the editor's menu")] = ""
    instruction: Annotated[str, Meta(max_length=10_000), Meta(description="the instruction to the model")] = (
        ""
    )
    languages: Annotated[
        tuple[str, ...], Meta(description="LSP's ids of the languages in which it is offered; empty: all")
    ] = ()
    kind: Annotated[
        str,
        Meta(pattern=r"^(?:quickfix|refactor)(?:\.\w+)*$"),
        Meta(description="LSP's kind of the action, such as `refactor.rewrite`"),
    ] = "refactor.rewrite"


def read_own_actions(value: object, report: Report) -> tuple[OwnAction, ...] | None:
    """Return the valid entries of a list of actions, or None if `value` is not a list.

    `report` gets the dotted name and the reason of each problem.
    """
    if not isinstance(value, list | tuple):
        report("actions", "must be a list of tables with `title` and `instruction`; it is ignored")
        return None
    found: dict[str, OwnAction] = {}
    for number, entry in enumerate(cast(Sequence[object], value)):
        action = _read_action(f"actions[{number}]", entry, report)
        if action is None:
            continue
        if action.title in found:
            report(f"actions[{number}]", f"has the title of another action; {_LEFT_OUT}")
        else:
            found[action.title] = action
    return tuple(found.values())


def _read_action(name: str, entry: object, report: Report) -> OwnAction | None:
    if not isinstance(entry, Mapping):
        report(name, f"must be a table with `title` and `instruction`; {_LEFT_OUT}")
        return None
    values = dict(cast(Mapping[str, Any], entry))
    known = [each.name for each in fields(OwnAction)]
    for key in [key for key in values if key not in known]:
        report(f"{name}.{key}", f"is not known here (known: {', '.join(known)}); it is ignored")
        del values[key]
    missing = [key for key in ("title", "instruction") if not str(values.get(key) or "").strip()]
    if missing:
        report(name, f"needs a `{missing[0]}`; {_LEFT_OUT}")
        return None
    try:
        return msgspec.convert(values, OwnAction, strict=True)
    except msgspec.ValidationError as error:
        report(name, f"{error}; {_LEFT_OUT}")
        return None
