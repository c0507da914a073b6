"""The gateway, as the rest of the server uses it: configuration, engines, mirrors and answers."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from spark_lsp.answer_events import Event
from spark_lsp.config import ROUTES
from spark_lsp.errors import ArgumentError
from spark_lsp.lsp.consent import Consent
from spark_lsp.lsp.engine_side import engine_side_down
from spark_lsp.lsp.gateway_link import GatewayLink
from spark_lsp.lsp.settings_parsing import EditorValues, collect_keys
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.privacy.approvals import TOKEN_VARIABLE
from spark_lsp.request import EngineInfo, Focus, ProjectLimit, Request
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

FindLimits = Callable[[str], tuple[ProjectLimit, ...]]
"""Returns the limits that a document's project sets."""


class GatewayClient:
    """Uses the link between `attach` and `detach`; without a link, only `open` raises."""

    def __init__(self, settings: SettingsStore, consent: Consent) -> None:
        self._settings = settings
        self._consent = consent
        self._link: GatewayLink | None = None
        self.engines: tuple[EngineInfo, ...] = ()  # the engines of the gateway
        self.serving: Mapping[str, str] = {}  # the engine of each route
        self.find_limits: FindLimits = lambda _uri: ()
        self.selected_engine = ""  # the engine that the user selected for all routes; empty for none

    @property
    def completion_engine(self) -> EngineInfo | None:
        """The engine that serves completions, as far as the gateway has reported it."""
        name = self.serving.get("completion", "")
        return next((engine for engine in self.engines if engine.name == name), None)

    @property
    def is_attached(self) -> bool:
        """Whether the engine side is up."""
        return self._link is not None

    def attach(self, link: GatewayLink) -> None:
        """Send messages through this link from now on."""
        self._link = link

    def detach(self) -> None:
        """Send no messages until the next `attach`."""
        self._link = None

    def locate(self) -> str:
        """Return the gateway's URL, or "auto". Raises `GatewayError` if it waits for the user's approval."""
        url = self._settings.current.engine.url
        if url != "auto" and EditorValues(self._settings.editor_values).get_table("engine").get("url") == url:
            self._consent.require_url_approval(url, f"env:{TOKEN_VARIABLE}")
        return url

    def configure(self) -> None:
        """Send the editor's own engines and routes to the gateway, and set the level of the log."""
        logging.getLogger("spark_lsp").setLevel(self._settings.current.log.level.upper())
        if self._link is None:
            return
        values = EditorValues(self._settings.editor_values)
        engines = values.get_table("engines")
        allowed = self._consent.select_approved(engines) if engines else {}
        waiting = engines.keys() - allowed.keys()  # for an approval: the gateway must not know them
        keys = collect_keys(self._settings.current, waiting)
        self._link.configure(
            allowed,
            self._list_routes(values, waiting),
            values.get_table("budget"),
            keys,
            drafts=self._settings.current.completion.instant,
        )

    def _list_routes(self, values: EditorValues, waiting: set[str]) -> dict[str, list[str]]:
        """Return the routes without the engines that wait for an approval."""
        routes: dict[str, list[str]] = {}
        for route, names in values.list_routes().items():
            usable = [name for name in names if name not in waiting]
            if usable or not names:
                routes[route] = usable
        if self.selected_engine:
            routes |= {route: [self.selected_engine] for route in ROUTES}
        return routes

    def select_engine(self, name: object) -> None:
        """Use one engine for all routes, or the configured routes for an empty name.

        Raises `ArgumentError` for an unknown engine.
        """
        known = [engine.name for engine in self.engines]
        if name and name not in known:
            raise ArgumentError(
                f"There is no engine {name!r}", "Nothing was changed", f"Use one of: {', '.join(known)}"
            )
        self.selected_engine = str(name)
        self.configure()

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Send a request; the context gives the events of its answer. Raises `SparkError` without a link."""
        if self._link is None:
            raise engine_side_down()
        if limits := self.find_limits(request.origin):
            request = replace(request, limits=limits)
        return self._link.open(request)

    def observe(self, focus: Focus) -> None:
        """Send the position at which the cursor rests. Raises `EngineError`."""
        if self._link is not None:
            self._link.observe(focus)

    def open_mirror(self, document: Document) -> None:
        """Send a document to be mirrored."""
        if self._link is not None:
            self._link.open_document(document)

    def edit_mirror(self, document: Document, edits: Sequence[Edit]) -> None:
        """Send the edits that led to a mirrored document's new text."""
        if self._link is not None:
            self._link.edit_document(document, edits)

    def close_mirror(self, uri: str) -> None:
        """Stop mirroring a document."""
        if self._link is not None:
            self._link.close_document(uri)
