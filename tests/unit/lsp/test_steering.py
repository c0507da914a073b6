"""Instructions that arrive during an edit start the answer again; an end from outside stays an end."""

import anyio
import pytest

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.lsp.steering import Steering
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document

pytestmark = pytest.mark.anyio
DOCUMENT = Document("file:///a.py", "a, b\n")
SEEN = RedactedDocument.from_document(DOCUMENT)
REQUEST = EditRequest("instruct", SEEN, SyntaxTree.of(DOCUMENT), 0, 4, "swap")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Model:
    """Answers when it may; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_answer = anyio.Event()

    async def ask(self, request: EditRequest) -> str:
        self.asked.append(request.instruction)
        await self.may_answer.wait()
        return request.instruction


async def test_the_answer_starts_again_with_all_instructions() -> None:
    model, steering, restarts, answers = Model(), Steering(), list[int](), list[str]()

    async def run() -> None:
        answers.append(await steering.run(model.ask, REQUEST, lambda: restarts.append(1)))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        for added in ("double", "rename"):
            await anyio.wait_all_tasks_blocked()
            steering.add(added)
        await anyio.wait_all_tasks_blocked()
        model.may_answer.set()
    assert model.asked == ["swap", "swap\ndouble", "swap\ndouble\nrename"]
    assert (answers, restarts) == (["swap\ndouble\nrename"], [1, 1])


async def test_an_instruction_that_comes_with_the_answer_counts() -> None:
    steering = Steering()
    asked: list[str] = []

    async def ask(request: EditRequest) -> str:
        asked.append(request.instruction)
        if len(asked) == 1:
            steering.add("double")
        return request.instruction

    assert await steering.run(ask, REQUEST, lambda: None) == "swap\ndouble"


async def test_nothing_is_steered_before_or_after_the_answer() -> None:
    model, steering = Model(), Steering()
    model.may_answer.set()
    with pytest.raises(EditRefused) as before:
        steering.add("double")
    assert before.value.code is Code.NO_SUCH_JOB
    assert await steering.run(model.ask, REQUEST, lambda: None) == "swap"
    with pytest.raises(EditRefused):
        steering.add("double")


async def test_a_cancelled_edit_does_not_start_again() -> None:
    model, steering = Model(), Steering()
    async with anyio.create_task_group() as group:
        group.start_soon(steering.run, model.ask, REQUEST, lambda: None)
        await anyio.wait_all_tasks_blocked()
        steering.add("double")
        group.cancel_scope.cancel()
    assert model.asked == ["swap"]
