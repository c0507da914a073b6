"""Chooses the engine and the effort for an edit, by its action."""

from typing import cast, get_args

from spark_lsp.request import Effort

# Names of actions, among them some that later releases may add.
NEED_THOUGHT = frozenset(
    {"instruct", "tests", "write_tests", "simplify", "optimise", "optimize", "explain_and_fix", "translate"}
)


def choose_route(action: str, effort: Effort, deep: str) -> tuple[str, Effort]:
    """Return the model of the request (empty: the usual route) and its effort.

    `effort` and `deep` are the settings of edits. `deep` names an effort, an engine or a route, for the
    actions that need thought; the gateway knows which names exist.
    """
    if not deep or action not in NEED_THOUGHT:
        return "", effort
    if deep in get_args(Effort):
        return "", cast(Effort, deep)
    return deep, "deep"
