"""The settings the commands send in the editor's place. Pure."""

from typing import Any

ROUTES = ("completion", "edit")


def with_engine(name: str | None) -> dict[str, Any]:
    """Return the section `spark` with which every route leads to the engine `name`; empty for None."""
    return {"engine": {"routes": {route: [name] for route in ROUTES}}} if name else {}
