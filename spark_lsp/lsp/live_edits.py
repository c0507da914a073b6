"""Applies the hunks of an edit one by one as they become certain (`edit.apply` is `live`).

Each hunk is one versioned change. If the edit is refused, fails or is cancelled, the applied hunks are
undone, unless the user has typed over one of them.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import anyio

from spark_lsp.errors import SparkError
from spark_lsp.lsp.edit_preview import EditPreview

T = TypeVar("T")
LEFT = "You typed over a change that was applied already, so the changes so far were left; undo them by hand"
UNDONE = "The changes so far were undone"


async def apply_while(preview: EditPreview, propose: Callable[[], Awaitable[T]]) -> T:
    """Return what `propose` returns; until then, apply each hunk of the preview as it becomes certain.

    Raises what `propose` raises.
    """
    result: list[T] = []
    failures: list[SparkError] = []
    async with anyio.create_task_group() as group:
        group.start_soon(_apply_certain, preview)
        try:
            result.append(await propose())
        except SparkError as error:  # not through the task group, which would wrap it
            failures.append(error)
        group.cancel_scope.cancel()
    for failure in failures:
        raise failure
    return result[0]


async def undo(preview: EditPreview) -> str:
    """Undo the applied hunks; return a sentence about it, empty if none was applied."""
    if not preview.hunks.applied:
        return ""
    is_undone = False
    with anyio.CancelScope(shield=True), suppress(SparkError):  # the user may be typing at this moment
        is_undone = await preview.undo()
    return UNDONE if is_undone else LEFT


async def _apply_certain(preview: EditPreview) -> None:
    while True:
        preview.changed.clear()
        while preview.hunks.open:
            try:
                with anyio.CancelScope(shield=True):  # a change is made completely or not at all
                    await preview.apply([min(preview.hunks.open)])
            except SparkError:
                break  # the editor has a newer text; the next change of the document tries again
        await preview.changed.wait()
