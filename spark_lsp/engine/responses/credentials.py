"""The key of a service, from the environment or a file, and the headers that carry it.

A key is read again after a second, so that typing does not read a file at every key.
"""

import math
import time

from spark_lsp.config import ResponsesSettings
from spark_lsp.engine.openai.keys import key_of
from spark_lsp.engine.responses.address import Address
from spark_lsp.engine.responses.dialing import session_headers

READ_S = 1.0


class Credentials:
    """The key of the engine `name`. Its methods raise `EngineError` if the settings name a missing key."""

    def __init__(self, name: str, settings: ResponsesSettings, address: Address) -> None:
        self._name = name
        self._settings = settings
        self._address = address
        self._key = ""
        self._read_at = -math.inf

    def key(self, *, fresh: bool = False) -> str:
        """Return the key; "" if the settings name no key. With `fresh`, read it again now."""
        now = time.monotonic()
        if fresh or now - self._read_at > READ_S:
            self._key = key_of(self._name, self._settings.key_env, self._settings.key_file)
            self._read_at = now
        return self._key

    def digest(self, *, fresh: bool = False) -> int:
        """Return a value that changes with the key."""
        return hash(self.key(fresh=fresh))

    def header(self) -> dict[str, str]:
        """Return the header that carries the key, if there is one."""
        key = self.key(fresh=True)
        name = self._settings.key_header or ("api-key" if self._address.is_azure else "Authorization")
        value = f"Bearer {key}" if name.lower() == "authorization" else key
        return {name: value} if key else {}

    def http_headers(self, _url: str) -> dict[str, str]:
        """Return the headers of a request over HTTP."""
        return {**session_headers(), **self.header()}
