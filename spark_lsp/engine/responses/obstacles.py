"""Settings that cannot work, as errors for the user. No I/O."""

import re

from spark_lsp.codes import Code
from spark_lsp.config import ResponsesSettings
from spark_lsp.engine.openai.errors import SKIPPED
from spark_lsp.engine.responses.address import Address
from spark_lsp.errors import EngineError

_HEADER = re.compile(r"[A-Za-z0-9-]*")
_NEVER_KEYS = ("host", "connection", "upgrade", "content-length", "content-type", "transfer-encoding")


def find_obstacle(name: str, settings: ResponsesSettings, address: Address) -> EngineError | None:
    """Return why an engine cannot work with its settings, None if it can."""
    if not settings.base_url:
        return _obstacle(f"Engine {name!r} has no address", f"Set `profile` or `base_url` of engines.{name}")
    if address.fault:
        return _obstacle(
            f"Engine {name!r}: the `base_url` {address.shown!r} {address.fault}",
            f"Set `base_url` of engines.{name} to a URL such as https://api.openai.com/v1; set the key with "
            "`key_env` or `key_file`",
        )
    header = settings.key_header
    if not _HEADER.fullmatch(header) or header.lower().startswith(("sec-", *_NEVER_KEYS)):
        return _obstacle(
            f"Engine {name!r}: {header[:40]!r} is not a valid header name for an API key",
            f"Set `key_header` of engines.{name} to a name such as api-key, or remove it",
        )
    return None


def _obstacle(what: str, remedy: str) -> EngineError:
    return EngineError(what, SKIPPED, remedy, code=Code.ENGINE_UNAVAILABLE)
