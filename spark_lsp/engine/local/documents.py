"""Gives the slots to the current document, and saves the windows of the other documents."""

import asyncio
import contextlib

import httpx

from spark_lsp.engine.local.archive import Archive
from spark_lsp.engine.local.process import ModelProcess
from spark_lsp.engine.local.slots import WINDOWS, Slots


class DocumentSwitch:
    """Saves the windows of one document and restores those of another."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._archive = Archive()
        self._lock = asyncio.Lock()

    def forget_all(self) -> None:
        """Record that the child is new."""
        self._archive.forget_all()
        self._slots.forget_all()

    async def switch(self, child: ModelProcess, document: str) -> None:
        """Use the slots for `document` from now on. The model reads a lost state again.

        A request without a document (empty) takes the slots as they are.
        """
        if document in ("", self._slots.document):
            return
        async with self._lock:
            if document != self._slots.document:
                await self._exchange(child, document)

    async def _exchange(self, child: ModelProcess, document: str) -> None:
        with contextlib.suppress(httpx.HTTPError, OSError):
            await self._save(child, self._slots.document)
        self._slots.document = document
        for index in WINDOWS:
            self._slots.forget(index)
        with contextlib.suppress(httpx.HTTPError):
            for state in self._archive.states_of(document):
                await child.restore_slot(state.slot, state.name)
                self._slots.restore(state.slot, state.contents)

    async def _save(self, child: ModelProcess, document: str) -> None:
        states = self._archive.plan_saving(document, self._slots)
        for state in states:
            await child.save_slot(state.slot, state.name)
        for name in self._archive.keep(document, states):
            child.delete_state(name)
