"""Questions to the person that take a yes or "not now", where the editor can show them."""

import logging
from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.errors import origin

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

log = logging.getLogger(__name__)

NOT_NOW = "Not now"


def can_ask(ls: "SparkServer") -> bool:
    """Tell whether the editor shows messages with actions; Emacs, for one, does not say that it does."""
    window = ls.client_capabilities.window
    return window is not None and window.show_message is not None


async def ask(ls: "SparkServer", kind: types.MessageType, question: str, yes: str) -> bool:
    """Return whether the person chose `yes`; an answer that makes no sense is none."""
    actions = [types.MessageActionItem(yes), types.MessageActionItem(NOT_NOW)]
    params = types.ShowMessageRequestParams(kind, question, actions)
    try:
        answer = await ls.window_show_message_request_async(params)
    except Exception as error:  # the editor refused, or answered something else
        log.warning("a question to the person was not answered: %s", origin(error))
        return False
    return answer is not None and answer.title == yes
