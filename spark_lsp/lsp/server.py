# pyright: reportUnknownMemberType=false
# pygls is annotated in part only; what of it is used here is checked by running it.

"""The language server: its state, the visible table of what it offers, and its life on stdio.

Until the answer to `initialize` is out nothing of weight is imported: an editor waits for it at every
start. Notifications that change state run in order as plain functions; requests take a snapshot before
their first await.
"""

import asyncio
import contextvars
import functools
import gc
import importlib
import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from spark_lsp import __version__
from spark_lsp.codes import Code
from spark_lsp.errors import ArgumentError, SparkError, origin
from spark_lsp.lsp.protocol import Protocol
from spark_lsp.lsp.table import COMMANDS, FEATURES, MENU, REPLACED
from spark_lsp.supervise import call_guarded, keep_running, run_guarded

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from spark_lsp.codes import Reason
    from spark_lsp.config import Problem, Settings, Source
    from spark_lsp.engine.gateway_client.remote import LinkStatus, Remote
    from spark_lsp.lsp.completing import Completer
    from spark_lsp.lsp.consent import Consent
    from spark_lsp.lsp.editing import Editor
    from spark_lsp.lsp.explaining import Explainer
    from spark_lsp.lsp.offer import Offer
    from spark_lsp.lsp.outgoing import Outgoing
    from spark_lsp.lsp.statements import Statements
    from spark_lsp.lsp.status import Status
    from spark_lsp.request import EngineInfo
    from spark_lsp.session.documents import Documents
    from spark_lsp.text.document import Document
    from spark_lsp.text.edits import Edit

log = logging.getLogger(__name__)

INVALID_PARAMS, INTERNAL_ERROR, REQUEST_FAILED = -32602, -32603, -32803
THEN = contextvars.ContextVar["Document | None"]("THEN", default=None)
REST = 0.25  # seconds without typing after which the cursor counts as resting
UP_WAIT = 20.0  # seconds a request waits for the engine side to be started, or started again


def feature(file: str) -> Any:
    """Return a module of `features`, imported at its first use."""
    return importlib.import_module(f"spark_lsp.lsp.features.{file}")


class SparkServer(LanguageServer):
    """One editor's server. `sources` gives the settings that lie under the editor's, when first needed."""

    def __init__(self, sources: "Callable[[], Sequence[Source]]" = tuple) -> None:
        super().__init__("spark-lsp", __version__, protocol_cls=Protocol)
        self._sources = sources
        self.given: dict[str, Any] = {}  # the editor's settings in force
        self.asking: asyncio.Future[None] | None = None  # a question for the editor's settings
        self.encoding = "utf-16"
        self.roots: tuple[str, ...] = ()  # the folders that the editor has open, as URIs
        self.growing = False  # whether the client shows text while it grows
        self.editor_name = ""
        self.deaf = False  # whether the client shows neither our status nor why a command failed
        self.begun = False  # the editor is being asked for its settings, or has been
        self.started = asyncio.Event()  # the editor is ready
        self.up = asyncio.Event()  # and so are we
        self.engine: Remote
        self.completer: Completer
        self.editor: Editor
        self.explainer: Explainer
        self.engines: tuple[EngineInfo, ...] = ()  # what the gateway has
        self.selected = ""  # the engine that the person has chosen over the routes, if any
        self._group: TaskGroup | None = None
        self._from_callbacks = asyncio.Queue[Callable[[], None]]()  # work that waits to be spawned
        self._publishing = False  # whether the editor may be sent the status: not before it is ready
        self._told: Any = None
        self._said: set[tuple[str, str]] = set()
        self._progress: dict[int | str, Callable[[], object]] = {}
        self._tokens = itertools.count(1)
        self.job_numbers = itertools.count(
            1
        )  # of edits and explanations: no id comes twice, whatever is started again
        self._rest: asyncio.TimerHandle | None = None
        self.in_flight: set[int | str] = set()
        self._register()

    def _register(self) -> None:
        for method in REPLACED:
            self.protocol.fm.builtin_features.pop(method, None)
        for method, file, task, options in FEATURES:
            self.feature(method, options)(self._guarded(file) if task else self._plain(file))
        for name, function in COMMANDS.items():
            self.command(name)(self._guarded_command(function))

    def offer_menu(self) -> None:
        """Offer `textDocument/completion`, once it is known that the editor needs it."""
        self.feature(types.TEXT_DOCUMENT_COMPLETION, MENU)(self._guarded("completion"))

    def _plain(self, file: str) -> Callable[[Any], Any]:
        """Return the handler of a notification that changes state; it never raises."""

        def plain(params: Any) -> Any:
            def handle() -> Any:
                return feature(file).handle(self, params)

            return call_guarded(handle, on_failure=lambda _: self._notification_lost(file, params))

        return plain

    def _notification_lost(self, file: str, params: Any) -> None:
        """Go on after a notification failed: with the document if it has the editor's text, else without."""
        if file not in ("did_open", "did_change"):
            return
        uri, version = params.text_document.uri, params.text_document.version
        document = self.documents.get(uri)
        call_guarded(self.edits_lost, uri)
        if document is not None and document.version == version:
            call_guarded(self.mirror_again, document)
        else:
            self.documents.distrust(uri)
            call_guarded(self.mirror_close, uri)

    def _guarded(self, file: str) -> Callable[[Any], Any]:
        """Return the handler of a request; what it raises becomes an answer without a traceback."""

        async def guarded(params: Any) -> Any:
            try:
                return await self._answered(lambda: feature(file).handle(self, params))
            finally:
                if file == "initialized":  # whatever the handler met, the engine side starts
                    self.ready()

        return guarded

    def _guarded_command(self, function: str) -> Callable[..., Any]:
        async def guarded(*arguments: Any) -> Any:
            return await self._answered(
                lambda: getattr(feature("execute_command"), function)(self, *arguments)
            )

        return guarded

    async def _answered(self, work: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await work()
        except JsonRpcException:
            raise
        except ArgumentError as error:
            raise JsonRpcException(str(error), INVALID_PARAMS, {"code": error.code}) from None
        except SparkError as error:
            raise JsonRpcException(str(error), REQUEST_FAILED, {"code": error.code}) from None
        except Exception as error:
            log.error("a request could not be handled: %s", origin(error))
            message = "spark-lsp failed to answer this request. Nothing was changed. Please report it"
            raise JsonRpcException(message, INTERNAL_ERROR, {"code": Code.INTERNAL_ERROR}) from None
        finally:
            if (message_id := self.protocol.msg_id) is not None:
                self.in_flight.discard(message_id)

    @functools.cached_property
    def settings(self) -> "Settings":
        """The settings in force; read when first needed, which is after the answer to `initialize`."""
        return self.resolved({})[0]

    def resolved(self, *values: Mapping[str, Any]) -> "tuple[Settings, list[Problem]]":
        """Lay an editor's values, the later over the earlier, over config.toml and the environment.

        These two are read anew.
        """
        from spark_lsp import config

        try:
            below = self._sources()
        except SparkError as error:
            self.say_once(types.MessageType.Error, "config", str(error))
            below = ()
        return config.resolve(*below, *(("editor", each) for each in values))

    @functools.cached_property
    def statements(self) -> "Statements":
        """What the editor has said about its settings."""
        from spark_lsp.lsp.statements import Statements

        return Statements()

    @functools.cached_property
    def documents(self) -> "Documents":
        """The open documents."""
        from spark_lsp.session.documents import Documents
        from spark_lsp.text.positions import Encoding

        return Documents(Encoding(self.encoding))

    @functools.cached_property
    def status(self) -> "Status":  # type: ignore[reportIncompatibleVariableOverride]
        """What the server last knew of its engine."""
        from spark_lsp.lsp.status import Status

        return Status()

    # What is said to the person.

    def say(self, kind: types.MessageType, text: str) -> None:
        """Show a message."""
        self.window_show_message(types.ShowMessageParams(kind, text))

    def say_once(self, kind: types.MessageType, topic: str, text: str) -> None:
        """Show a message unless the same was shown for the same topic."""
        if (topic, text) not in self._said:
            self._said.add((topic, text))
            self.say(kind, text)

    def consider_said(self, topic: str, text: str) -> None:
        """Do not show this message: the person has been told otherwise."""
        self._said.add((topic, text))

    def tell(self, **values: Any) -> None:
        """Change the status, and tell the editor if that changed anything."""
        self.status = self.status.changed(**values)
        if self.status != self._told and self._publishing:
            self._told = self.status
            call_guarded(self._publish_status)

    def _publish_status(self) -> None:
        self.notify("spark/status", self.status.message())

    def explain(self, reason: "Reason", detail: str = "") -> None:
        """Put into the status why there is no suggestion."""
        from spark_lsp.session import reasons

        text = reasons.PREFIX + reasons.sentence(reason, detail)
        self.tell(reason=text, code=reason, detail=detail)
        if self.deaf and reasons.lasts(reason):
            self.say_once(types.MessageType.Info, "explain", f"spark-lsp: {text}")

    def last_explanation(self) -> dict[str, Any]:
        """Return why there was no suggestion, as the status has it: news of an engine do not undo it.

        That is empty where the status says something else.
        """
        from spark_lsp.session import reasons

        return self.status.why if reasons.explains(self.status.code) else {"reason": ""}

    def trouble(self, error: SparkError) -> None:
        """Tell once why engines do not answer, and keep it in the status."""
        self.tell(state="degraded", reason=str(error), code=error.code)
        self.say_once(types.MessageType.Warning, "engine", str(error))

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification of ours."""
        self.protocol.notify(method, dict(params))

    # The engine's side.

    def ready(self) -> None:
        """Let the slow parts start."""
        self.started.set()

    def spawn(
        self,
        work: Callable[..., Coroutine[Any, Any, None]],
        *arguments: Any,
        on_failure: Callable[[Exception], object] | None = None,
    ) -> None:
        """Start work that ends with the engine side; if it raises, only `on_failure` hears of it."""
        if self._group is None:
            from spark_lsp.lsp.status import engine_side_down

            raise engine_side_down()
        if asyncio.current_task() is None:  # in a callback, as of a notification, anyio starts no task
            self._from_callbacks.put_nowait(
                functools.partial(self.spawn, work, *arguments, on_failure=on_failure)
            )
            return
        self._group.start_soon(functools.partial(run_guarded, on_failure=on_failure), work, *arguments)

    async def _spawn_from_callbacks(self) -> None:
        """Start the work that callbacks could not start."""
        while True:
            call_guarded(await self._from_callbacks.get())

    async def wait_until_up(self) -> None:
        """Wait for the engine side, `UP_WAIT` seconds at most. Raises `SparkError` if it is not there."""
        try:
            async with asyncio.timeout(UP_WAIT):
                await self.up.wait()
        except TimeoutError:
            from spark_lsp.lsp.status import engine_side_down

            raise engine_side_down() from None

    def engine_side_ended(self, _: Exception | None) -> None:
        """Tell the editor that the engine side ended and is being started again."""
        reason = "the engine side failed and is being started again"
        self.tell(state="degraded", reason=reason, code=Code.ENGINE_SIDE_DOWN)

    async def run_engine(self, engine: "Remote") -> None:
        """Keep the engine side alive until cancelled.

        The link is started again by itself, so that edits and suggestions under way outlive its failure.
        """
        import anyio.to_thread

        from spark_lsp.lsp.completing import Completer
        from spark_lsp.lsp.editing import Editor
        from spark_lsp.lsp.explaining import Explainer
        from spark_lsp.privacy import detectors

        await anyio.to_thread.run_sync(detectors.load_rules)  # a fifth of a second of imports

        self.engine, self.completer = engine, Completer(self)
        self.editor, self.explainer = Editor(self), Explainer(self)
        async with anyio.create_task_group() as group:
            self._group, self._publishing = group, True
            self._from_callbacks = asyncio.Queue[Callable[[], None]]()
            group.start_soon(keep_running, self._spawn_from_callbacks)
            try:
                self._begin()
                await keep_running(engine.run, self.engine_side_ended)
            finally:
                self._group = None
                self.up.clear()

    def _begin(self) -> None:
        """Let requests through, and bring the gateway up to date; one document's failure stops no other."""
        self.up.set()
        call_guarded(self.configure_engine)
        for document in self.documents.all():
            call_guarded(self.outgoing.open, document)
        self.tell(state="starting", reason="the gateway is being started", code=Code.GATEWAY_STARTING)
        gc.collect()
        gc.freeze()  # what lives now lives for ever: a full collection costs tens of milliseconds
        gc.enable()

    def link_changed(self, status: "LinkStatus") -> None:
        """Take what the connection tells of itself."""
        from spark_lsp.lsp import link

        link.changed(self, status)

    def configure_engine(self) -> None:
        """Send the editor's own engines and routes to the gateway; log as the settings say."""
        logging.getLogger("spark_lsp").setLevel(self.settings.log.level.upper())
        if self._group is not None:
            from spark_lsp.config import ROUTES
            from spark_lsp.lsp import settings as editor_settings

            given = editor_settings.Given(self.given)
            engines = given.table("engines")
            allowed = self.consent.approved(engines) if engines else {}
            waiting = (
                engines.keys() - allowed.keys()
            )  # for an approval: to the gateway there is no such engine
            routes = {
                route: left
                for route, names in given.routes().items()
                if (left := [name for name in names if name not in waiting]) or not names
            }
            if self.selected:
                routes |= {route: [self.selected] for route in ROUTES}
            keys = editor_settings.keys(self.settings, waiting)
            self.engine.configure(allowed, routes, given.table("budget"), keys)

    def gateway_url(self) -> str:
        """Return where the gateway is. Raises `GatewayError` if that waits for the person's approval."""
        from spark_lsp.lsp.settings import Given
        from spark_lsp.privacy.approvals import TOKEN_VARIABLE

        url = self.settings.engine.url
        if url != "auto" and Given(self.given).table("engine").get("url") == url:
            self.consent.check_url(url, f"env:{TOKEN_VARIABLE}")
        return url

    def take_initialization_options(self, options: object) -> None:
        """Use the settings that came with `initialize`."""
        from spark_lsp.lsp import settings as editor_settings

        self.growing = editor_settings.client_shows_growth(options)
        editor_settings.begin(self, options)

    # Documents.

    def arrived(self, params: object) -> None:
        """Keep the document that a request is about as it is now: changes may overtake its handler."""
        uri = getattr(getattr(params, "text_document", None), "uri", None)
        THEN.set(self.documents.get(uri) if isinstance(uri, str) else None)

    @property
    def document_then(self) -> "Document | None":
        """The document that the request being answered is about, as it was when the request arrived."""
        return THEN.get()

    @property
    def linked(self) -> bool:
        """Whether the engine's side has been started."""
        return self._group is not None

    @functools.cached_property
    def outgoing(self) -> "Outgoing":
        """What the gateway may see of the documents."""
        from spark_lsp.lsp.fence import Fence
        from spark_lsp.lsp.outgoing import Outgoing

        def warn(topic: str, text: str) -> None:
            self.say_once(types.MessageType.Warning, topic, text)

        return Outgoing(self, Fence(lambda: self.settings, lambda: self.roots, warn))

    @functools.cached_property
    def offer(self) -> "Offer":
        """What was offered to the person."""
        from spark_lsp.lsp.offer import Offer

        return Offer(self)

    @functools.cached_property
    def consent(self) -> "Consent":
        """What the person has approved."""
        from spark_lsp.lsp.consent import Consent

        return Consent(self)

    def mirror_edit(self, document: "Document", edits: "Sequence[Edit]") -> None:
        """Tell everybody who cares that a document has changed."""
        if self._group is None or not self.outgoing.edit(document, edits):
            return
        self.completer.changed(document)
        self.editor.changed(document, edits)
        self._rest_soon(document, edits[-1].start + len(edits[-1].new) if edits else 0)

    def mirror_again(self, document: "Document") -> None:
        """Mirror a document anew, after a change to it did not reach everybody who cares."""
        if self._group is not None:
            self.completer.closed(document.uri)
        self.outgoing.open(document)

    def mirror_close(self, uri: str) -> None:
        """Tell everybody that a document is gone, or not to be used."""
        self.outgoing.close(uri)
        if self._group is not None:
            self.completer.closed(uri)

    def edits_lost(self, uri: str) -> None:
        """Tell edits under way that their document's history is broken."""
        if self._group is not None:
            self.editor.lost(uri)

    def _rest_soon(self, document: "Document", offset: int) -> None:
        if self._rest is not None:
            self._rest.cancel()
        loop = asyncio.get_running_loop()
        self._rest = loop.call_later(REST, self.completer.rest, document, offset)

    # Progress.

    def progress_token(self, cancel: Callable[[], object]) -> str:
        """Return a token for a job that `cancel` stops."""
        token = f"spark-{next(self._tokens)}"
        self._progress[token] = cancel
        return token

    def forget_progress(self, token: str) -> None:
        """Forget a job that has ended."""
        self._progress.pop(token, None)

    def cancel_progress(self, token: int | str) -> None:
        """Stop the job with this token, if there is one."""
        if cancel := self._progress.get(token):
            cancel()
