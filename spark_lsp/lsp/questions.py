"""Questions to the user with two answers: a given one, or "not now"."""

import logging

from lsprotocol import types

from spark_lsp.errors import origin
from spark_lsp.lsp.language_client import LanguageClient

log = logging.getLogger(__name__)

NOT_NOW = "Not now"


async def ask_user(client: LanguageClient, kind: types.MessageType, question: str, yes: str) -> bool:
    """Return whether the user chose `yes`. Errors and invalid answers count as "not now"."""
    actions = [types.MessageActionItem(yes), types.MessageActionItem(NOT_NOW)]
    try:
        answer = await client.request_choice(types.ShowMessageRequestParams(kind, question, actions))
    except Exception as error:  # an error response, or an answer of another type
        log.warning("the editor did not return the user's answer to a question: %s", origin(error))
        return False
    return answer is not None and answer.title == yes
