"""The embedded model with context beside the document: it uses a signature that only the context has."""

import os
from contextlib import aclosing

import pytest

from spark_lsp.answer_events import Chunk
from spark_lsp.config import LocalSettings
from spark_lsp.engine.local.engine import LocalEngine
from spark_lsp.request import Part, PartKind, Request, Task
from tests.integration.test_local import _what_is_missing

pytestmark = [pytest.mark.anyio, pytest.mark.model]

VOUCHER = (
    "class Voucher:\n    code: str\n    def redeem_for_cart(self, cart: Cart, at_till: int) -> Money: ...\n"
)
PARTS = (
    Part(PartKind.FILE, VOUCHER, "shop.py"),
    Part(
        PartKind.PREFIX,
        "from shop import Voucher\n\n\ndef pay(voucher: Voucher, cart, till):\n    money = voucher.",
    ),
    Part(PartKind.SUFFIX, "\n    return money\n"),
)
REQUEST = Request(Task.COMPLETE, PARTS, language="python", origin="file:///a.py", max_lines=1)


@pytest.mark.parametrize(("tokens", "knows"), [(150, True), (0, False)])
async def test_the_model_knows_a_method_only_by_the_context(tokens: int, knows: bool) -> None:
    missing = _what_is_missing()
    if missing and os.environ.get("SPARK_LSP_REQUIRE_MODEL") != "1":
        pytest.skip(missing)
    engine = LocalEngine("local", LocalSettings(beside_tokens=tokens))
    async with aclosing(engine), engine.open(REQUEST) as events:
        text = "".join([event.text async for event in events if isinstance(event, Chunk)])
    assert text.startswith("redeem_for_cart(cart") is knows
