"""The settings in force, and the exchange with the editor about them.

The editor sends settings in `initializationOptions`, in its answer to `workspace/configuration`, and in
`workspace/didChangeConfiguration`. `statements` decides which of them count.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.errors import SparkError, origin
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.messages import UserMessages

if TYPE_CHECKING:
    from spark_lsp.config import Problem, Settings, Source
    from spark_lsp.lsp.statements import Statements
    from spark_lsp.privacy.patterns import PathContext

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_SECONDS = 1.0  # for the editor's answer to `workspace/configuration`


class SettingsStore:
    """Resolves settings; `sources` returns the layers below the editor's values, when first needed.

    The functions in `on_change` are called after each change, in order.
    """

    def __init__(
        self, sources: "Callable[[], Sequence[Source]]", client: LanguageClient, messages: UserMessages
    ) -> None:
        self._sources = sources
        self._client = client
        self._messages = messages
        self._current: Settings | None = None
        self._statements: Statements | None = None
        self._request: asyncio.Future[None] | None = (
            None  # of `workspace/configuration`, until it is answered
        )
        self.editor_values: dict[str, Any] = {}  # the editor's own values in force
        self.on_change: list[Callable[[], None]] = []

    @property
    def current(self) -> "Settings":
        """The settings in force. They are read at the first use, after the answer to `initialize`."""
        if self._current is None:
            self._current = self.resolve({})[0]
        return self._current

    @property
    def is_requesting(self) -> bool:
        """Whether the editor has not yet answered a request for its settings."""
        return self._request is not None

    @property
    def statements(self) -> "Statements":
        """The editor's values, by the way in which it sent them."""
        if self._statements is None:
            from spark_lsp.lsp.statements import Statements

            self._statements = Statements()
        return self._statements

    def resolve(self, *values: Mapping[str, Any]) -> "tuple[Settings, list[Problem]]":
        """Read config.toml and the environment again, and lay the editor's values over them.

        Later values override earlier ones.
        """
        from spark_lsp import config

        try:
            below = self._sources()
        except SparkError as error:
            self._messages.show_once(types.MessageType.Error, "config", str(error))
            below = ()
        return config.resolve(*below, *(("editor", each) for each in values))

    def apply(self, values: Mapping[str, Any]) -> None:
        """Use the editor's values from now on, and report each unusable value once."""
        self.editor_values = dict(values)
        self._current, problems = self.resolve(values)
        self._report(problems)
        for listener in self.on_change:
            listener()

    def begin(self, options: object) -> None:
        """Use the settings in `initializationOptions`, if there are any."""
        from spark_lsp.lsp.settings_parsing import extract_section

        if values := extract_section(options):
            self._report_unusable(values)
            self.statements.begin(values)
            self.apply(self.statements.in_force())

    def push(self, value: object) -> None:
        """Use the settings in `didChangeConfiguration`; settings that it does not name stay in force."""
        from spark_lsp.lsp.settings_parsing import extract_section, is_foreign

        values = {} if is_foreign(value) else extract_section(value)
        self._report_unusable(values)
        self.statements.push(values)
        self.apply(self.statements.in_force())

    def request(self) -> None:
        """Request the editor's settings, if it answers such requests; `is_requesting` is set until then."""
        self._request = request = asyncio.ensure_future(self._pull())
        request.add_done_callback(self._end_request)

    async def wait_for_answer(self) -> None:
        """Wait for the editor's settings, `ANSWER_TIMEOUT_SECONDS` at most."""
        if self._request is not None:
            await asyncio.wait([self._request], timeout=ANSWER_TIMEOUT_SECONDS)

    def _end_request(self, done: "asyncio.Future[None]") -> None:
        if self._request is done:
            self._request = None
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("could not use the editor's settings: %s", origin(error))

    def report_pattern_problems(self, surroundings: "PathContext") -> None:
        """Report each pattern of file names that cannot match any file, once."""
        from spark_lsp.privacy.patterns import find_setting_problems

        self._report(find_setting_problems(self.current, surroundings))

    async def _pull(self) -> None:
        """Use the editor's section. An answer without a section changes nothing."""
        from spark_lsp.lsp.settings_parsing import extract_section

        if not self._client.abilities.answers_configuration:
            return
        answer = await self._read_answer()
        if isinstance(answer, Mapping):
            values = extract_section(cast(object, answer))
            self._report_unusable(values)
            self.statements.answer(values)
            self.apply(self.statements.in_force())

    async def _read_answer(self) -> object:
        """Return the editor's section; None for an error or an empty answer."""
        from spark_lsp.lsp.settings_parsing import SECTION

        items = [types.ConfigurationItem(section=SECTION)]
        try:
            answer = await self._client.request_configuration(types.ConfigurationParams(items))
        except JsonRpcException as error:
            log.warning("the editor did not return its settings: %s", origin(error))
            return None
        if isinstance(answer, list | tuple):
            return next(iter(cast(list[object], answer)), None)
        return cast(object, answer)

    def _report_unusable(self, values: Mapping[str, Any]) -> None:
        """Report the unusable values, and which values are used instead."""
        self._report(self.resolve(self.statements.in_force(), values)[1])

    def _report(self, problems: "Sequence[Problem]") -> None:
        for problem in problems:
            self._messages.show_once(types.MessageType.Warning, "setting", f"Setting spark.{problem}.")
