"""One second request for an edit, and what becomes of the two answers."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import cast

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.config import Settings
from spark_lsp.errors import EditRefused, EngineError
from spark_lsp.lsp.answer_recorder import AnswerReader
from spark_lsp.lsp.edit_progress import EditProgress
from spark_lsp.lsp.edit_proposer import EditProposer, proposal_of
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat, Request
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits

pytestmark = pytest.mark.anyio

TEXT = "def add(a, b):\n    return a + b\n"
BROKEN = "def add(a, b):\n    return (a + b\n"
GOOD = "def add(a, b):\n    return b + a\n"
COPY = TEXT
OTHER = "def add(a, b):\n    return a - c\n"


class Script:
    """An engine's answers in their order; an `EngineError` is raised, and None never comes."""

    def __init__(self, *answers: str | EngineError | None, second: EditFormat = EditFormat.REPLACE) -> None:
        self.answers = list(answers)
        self.second = second
        self.requests: list[Request] = []
        self.lines: list[str] = []
        self.open_streams = 0

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        self.requests.append(request)
        self.open_streams += 1
        try:
            yield self._events(self.answers[len(self.requests) - 1])
        finally:
            self.open_streams -= 1

    async def _events(self, answer: str | EngineError | None) -> AsyncIterator[Event]:
        yield Started("e", "m", EditFormat.REPLACE if len(self.requests) == 1 else self.second)
        if isinstance(answer, EngineError):
            raise answer
        if answer is None:
            await anyio.sleep_forever()
        assert answer is not None
        yield Chunk(answer)
        yield Finished()

    def report(self, message: str) -> None:
        self.lines.append(message)

    def started(self, event: Started) -> None: ...

    def received(self, text: str) -> None: ...

    async def propose(self, text: str = TEXT, instruction: str = "Add the other way round") -> str:
        """Return the text after the edit."""
        settings = SimpleNamespace(current=Settings())
        proposer = EditProposer(cast(SettingsStore, settings), cast(AnswerReader, self))
        document = Document("file:///a.py", text, language="python")
        seen = RedactedDocument.from_document(document)
        request = EditRequest("instruct", seen, SyntaxTree.of(document), 0, len(text), instruction)
        return apply_edits(text, await proposer.propose(request, cast(EditProgress, self)))


async def test_an_answer_that_passes_is_the_only_one() -> None:
    script = Script(GOOD)
    assert await script.propose() == GOOD
    assert len(script.requests) == 1


async def test_an_answer_that_does_not_parse_is_followed_by_one_that_does() -> None:
    script = Script(BROKEN, GOOD)
    assert await script.propose() == GOOD
    objection = script.requests[1].objection
    assert objection is not None
    assert objection.answer == BROKEN
    assert "does not parse" in objection.reason
    assert "The proposal does not parse; asking again" in script.lines


async def test_a_copy_is_followed_by_another_attempt() -> None:
    script = Script(COPY, GOOD)
    assert await script.propose() == GOOD
    assert (script.requests[1].attempt, script.requests[1].objection) == (2, None)


async def test_a_copied_line_may_be_filled_in() -> None:
    script = Script("x = 1\n", "x = 2", second=EditFormat.FILLED)
    assert await script.propose("x = 1\n", "Double x") == "x = 2\n"
    assert len(script.requests) == 2


async def test_a_filled_line_that_lacks_code_is_refused() -> None:
    script = Script("x = f(1)\n", "x = 2", second=EditFormat.FILLED)
    with pytest.raises(EditRefused) as caught:
        await script.propose("x = f(1)\n", "Double x")
    assert caught.value.code is Code.PROPOSAL_REMOVES_CODE
    assert len(script.requests) == 2


async def test_nothing_in_the_hole_is_no_change() -> None:
    script = Script("x = 1\n", "", second=EditFormat.FILLED)
    with pytest.raises(EditRefused) as caught:
        await script.propose("x = 1\n", "Double x")
    assert caught.value.code is Code.NO_CHANGE


async def test_there_is_no_third_request_and_the_refusal_keeps_the_proposal() -> None:
    script = Script(BROKEN, OTHER)
    with pytest.raises(EditRefused) as caught:
        await script.propose()
    assert len(script.requests) == 2
    proposal = proposal_of(caught.value)
    assert proposal is not None
    assert proposal.code is Code.PROPOSAL_UNDEFINED_NAME
    assert apply_edits(TEXT, proposal.edits) == OTHER
    assert "'c'" in proposal.reason


async def test_an_engine_that_fails_at_the_second_request_leaves_the_first_refusal() -> None:
    script = Script(BROKEN, EngineError("The engine failed"))
    with pytest.raises(EditRefused) as caught:
        await script.propose()
    assert caught.value.code is Code.PROPOSAL_DOES_NOT_PARSE


async def test_a_doubtful_answer_stays_if_the_engine_fails_then() -> None:
    script = Script(GOOD, EngineError("The engine failed"))
    assert await script.propose(instruction="Use `reversed` here") == GOOD


async def test_an_engine_that_fails_at_once_is_an_error() -> None:
    with pytest.raises(EngineError):
        await Script(EngineError("The engine failed")).propose()


async def test_the_second_request_can_be_cancelled() -> None:
    script = Script(BROKEN, None)
    async with anyio.create_task_group() as group:
        group.start_soon(script.propose)
        with anyio.fail_after(20):
            while len(script.requests) < 2:
                await anyio.sleep(0.005)
        group.cancel_scope.cancel()
    assert script.open_streams == 0


async def test_a_refusal_without_readable_code_keeps_no_proposal() -> None:
    with pytest.raises(EditRefused) as caught:
        await Script("", "").propose()
    assert proposal_of(caught.value) is None


async def test_a_proposal_that_would_change_a_secret_is_not_kept() -> None:
    text = 'KEY = "AKIAIOSFODNN7EXAMPLF"\nx = 1\n'
    broken = "x = (1\n"
    with pytest.raises(EditRefused) as caught:
        await Script(broken, broken).propose(text)
    assert proposal_of(caught.value) is None
