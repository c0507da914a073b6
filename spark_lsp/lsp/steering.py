"""Instructions that arrive while an edit is under way: the model starts again, with all of them.

No engine behind the gateway can read a sentence in the middle of its answer. The protocol's `response.steer`
therefore also ends an answer and starts another one, with the half answer in its history. For an edit,
that half is of no use: the new answer must contain the whole target again. The gateway's engine for services
recognizes the second request, and steers the service's response with it (`engine/responses/steers`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import anyio

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.prompts.going_on import join_instructions

T = TypeVar("T")


class Steering:
    """The further instructions of one edit. `on_restart` is called when the model starts again."""

    def __init__(self) -> None:
        self._added: list[str] = []
        self._scope: anyio.CancelScope | None = None  # of the answer under way
        self._is_restarting = False

    def add(self, instruction: str) -> None:
        """Start the answer again with a further instruction.

        Raises `EditRefused` if no model is answering.
        """
        if self._scope is None:
            raise EditRefused(
                "The model is not answering this edit at the moment",
                "The instruction was not sent",
                "Wait for the edit, then use `spark.editAgain`",
                code=Code.NO_SUCH_JOB,
            )
        self._added.append(instruction)
        self._is_restarting = True
        self._scope.cancel()

    async def run(
        self,
        ask: Callable[[EditRequest], Awaitable[T]],
        request: EditRequest,
        on_restart: Callable[[], object],
    ) -> T:
        """Return the answer to a request with all instructions."""
        try:
            while True:
                extended = join_instructions(request.instruction, *self._added)
                with anyio.CancelScope() as self._scope:
                    answer = await ask(replace(request, instruction=extended))
                    if not self._is_restarting:
                        return answer
                self._is_restarting = False
                on_restart()
        finally:
            self._scope = None
