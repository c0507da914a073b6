"""Whatever raises something nobody expects, it costs its own work: the next request is answered.

The places are found by walking the code (`places.py`); `make faults` tries each, `make test` every fourth.
Its next call raises an exception of a kind that no code knows, while an edit is under way: the edit ends
with exactly one `spark/edit`, every request is answered once, the next suggestion has text and the next
edit is applied.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import private_home
from tests.faults.pair import CONFIG, TEXTS, Pair
from tests.faults.places import ROOMS, all_places

Step = Callable[[Pair], None]
STEPS: tuple[Step, ...] = (Pair.quick, Pair.full, Pair.go_on, Pair.drop_link)
PLACES = all_places()
EXCUSED = {
    "engine/local": "needs the embedded model; `test_engines.py` has what any engine raises",
    "engine/openai": "needs a server of models; `test_engines.py` has what any engine raises",
    "engine/opening.py": "needs a server or a service; the tests of both have its faults",
    "engine/responses": "needs a service; `test_service_upstream.py` in conformance has its faults",
    "engine/gateway_client/link.py:Link.__init__:parameter make_loss": "the gateway's link has none",
    "engine/gateway_client/channel.py:Channel:field make_silence": "the gateway's channels have none",
    "lsp/model_offers.py": "needs that no engine serves; `test_engines.py` in unit/lsp has it",
    "gateway/authentication.py": "a gateway on a port, as on Windows",
    "gateway/page/": "needs a browser; `test_page_play.py` and `test_page.py` have its faults",
    "client/": "the command line's own client; `test_waits.py` has what a command does then",
    "lsp/stdio.py:BodySplitter.__init__:parameter on_refused": "a message of more than 16 MiB",
    "lsp/stdio.py:Reader.__init__:parameter on_refused": "a message of more than 16 MiB",
    "lsp/stdio.py:BodySplitter.__init__:parameter on_body": "a lost message names no request to answer",
    "lsp/stdio.py:Reader.__init__:parameter on_body": "a message lost undecoded names no request to answer",
    "lsp/stdio.py:Writer.__init__:parameter on_lost": "the editor is gone: nobody is left to be answered",
    "lsp/members/": "needs an answer that uses another object's attribute; `test_members.py` has its faults",
    "lsp/names.py": "needs the same, or a document of more than 30,000 characters",
    "engine/failover.py:failover:parameter summarize": "where every engine of a route has failed",
    "engine/failover.py:Candidate:field is_excused": "where an engine of a route has failed",
    "engine/hedge.py": "needs twenty measured answers; `test_hedge.py` in unit/engine has its faults",
    "engine/metered/engine.py:Metered.aclose": "a gateway that ends: nothing is left to be answered",
    "engine/replay.py:ReplayEngine.aclose": "a gateway that ends: nothing is left to be answered",
    "lsp/startup.py:Startup.begin_soon": "`initialized` never comes; `test_odd_clients.py` has it",
    "lsp/main_loop.py:MainLoop.run:call_later(gc.enable)": "where the engine side does not begin within 10 s",
    "lsp/main_loop.py:MainLoop.run:ensure_future(each)": "two guards; their work is tried itself",
    "lsp/outgoing.py:Outgoing._scan:ensure_future(work)": "a guard; its work is tried itself",
    "lsp/main_loop.py:MainLoop._call_soon": "where the loop cannot read stdin, as on Windows",
    "launch.py:_spawn_gateway": "only where no gateway runs",
    "gateway/serve.py:serve:start_soon(_announce)": "it does not start then; `test_ending.py` has it",
    "engine/gateway_client/channel.py:Channel._wait_for_event": "half a minute long; see `test_link.py`",
    "engine/route.py:Route.aclose": "nobody calls it: a route does not own its engines",
    "engine/gateway_client/remote.py:Remote.aclose": "nobody calls it: the link ends with its task",
    "engine/gateway_client/remote.py:Remote.info": "nobody calls it in the server",
    "engine/wafer/engine.py:WaferEngine.aclose": "at the end of the gateway; see `test_engines.py`",
    "engine/wafer/engine.py:WaferEngine.observe": "only of the engine of completions, which is a replay here",
    "lsp/edit_jobs.py:EditJobs._offers_proposal": "editors without previews; see `test_refused_proposals.py`",
    "lsp/refused_proposals.py": "the same",
    "lsp/explanations.py:Explanations._open": "editors that request documents: `test_server_documents.py`",
    "lsp/server_documents.py": "the same",
    "gateway/writer.py:ConnectionWriter.wait_while": "a peer that reads too slowly; `test_handler.py` has it",
}
TWICE = (  # only reached after another failure, which one fault is not
    "lsp/server.py:SparkServer._recover",
    "lsp/engine_side.py:EngineSide.spawn:parameter on_failure",
    "gateway/handler.py:ConnectionHandler._abandon",
)


def _excuse(place: str) -> str:
    if place.startswith(TWICE):
        return "only reached after another failure"
    return next((why for prefix, why in EXCUSED.items() if place.startswith(prefix)), "")


STRIDE = int(os.environ.get("SPARK_LSP_FAULTS", "4"))  # 1 tries every place, in about seven minutes
UNREACHED = (
    "engine/failover.py:failover:parameter is_final",  # no engine fails here: `test_failover.py`
    "engine/gateway_client/socket.py:Socket._limit_closing",  # no close; see `test_socket.py`
    # An engine must change between two looks of the watch, a second apart: chance, in this traffic. Waiting
    # for it would cost each place a second; `test_engine_watch.py` makes a listener fail.
    "gateway/engine_watch.py:EngineWatch._tick:call_guarded(listener)",
    "gateway/engine_watch.py:EngineWatch._set_timer:guarded(self._tick)",  # that look itself
    "gateway/engine_watch.py:EngineWatch.subscribe:parameter listener",  # called after such a change
    "gateway/engine_watch.py:EngineWatch._forget:parameter listener",  # never called: a key
    "gateway/registry.py:Registry.subscribe:parameter listener",  # the same
    "gateway/lifetime.py:limit_lifetime:parameter is_busy",  # a connection that is an hour old
    # No replay reads context beside a document; `test_beside.py` and `test_context.py` have files that fail.
    "lsp/beside/gatherer.py:ContextGatherer.__init__:parameter roots",
    "lsp/beside/neighbours.py",
    "lsp/preview_screen.py:PreviewScreen.show_soon:call_later(self.show_now)",  # the same as a call of it
    "gateway/loop_monitor.py:LoopMonitor",  # a turn over 100 ms, which no traffic here makes
)
TRIED = [
    place
    for place in [each for each in PLACES if not _excuse(each)][::STRIDE]
    if not place.startswith(UNREACHED)
]


def _configure(folder: Path) -> None:
    config = folder / "config" / "spark-lsp"
    for name, text in TEXTS.items():
        (config / name).write_text(text)
    (config / "config.toml").write_text(CONFIG)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("faults")
    with private_home(folder) as environment:
        _configure(folder)
        yield {**environment, "SPARK_TEST_CODE": str(tmp_path_factory.mktemp("code"))}


class Shared:
    """The pair that the tests share as long as it lives."""

    def __init__(self, home: dict[str, str], folder: Path) -> None:
        self._home, self._folder = home, folder
        self.pair: Pair | None = None
        self.reached_by: dict[str, Step] = {}

    def take(self) -> Pair:
        if self.pair is None:
            self.pair = Pair(self._home, self._folder)
            self.pair.well()
            self._learn(self.pair)
        return self.pair

    def _learn(self, pair: Pair) -> None:
        """Go through all traffic once: what reaches which place."""
        for step in STEPS:
            before = pair.reached()
            step(pair)
            for place in pair.reached() - before:
                self.reached_by.setdefault(place, step)

    def drop(self) -> None:
        if self.pair is not None:
            self.pair.close()
        self.pair = None


@pytest.fixture(scope="module")
def shared(home: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    found = Shared(home, tmp_path_factory.mktemp("log"))
    yield found
    found.drop()


def test_every_room_hands_something_over() -> None:
    for room in ROOMS:
        assert [place for place in PLACES if place.startswith(room)], room


def test_no_excuse_is_for_nothing() -> None:
    for prefix in (*EXCUSED, *TWICE):
        assert [place for place in PLACES if place.startswith(prefix)], prefix


def _provoked(pair: Pair, place: str, first: Step | None) -> bool:
    """Whether some traffic reaches the place; what reached it before goes first."""
    pair.arm(place)
    for step in dict.fromkeys((first or STEPS[0], *STEPS)):
        step(pair)
        if pair.armed_and_raised(place):
            return True
    return False


@pytest.mark.timeout(240)
@pytest.mark.parametrize("place", TRIED)
def test_what_it_raises_costs_its_own_work(
    place: str, shared: Shared, home: dict[str, str], tmp_path: Path
) -> None:
    pair = shared.take()
    try:
        provoked = _provoked(pair, place, shared.reached_by.get(place))
        pair.well()
        pair.consistent()
    except BaseException:
        shared.drop()
        raise
    if not provoked:
        _from_the_start(place, home, tmp_path, pair)


def _from_the_start(place: str, home: dict[str, str], folder: Path, shared: Pair) -> None:
    """What is handed over at a start only fails there: of another server, or of another pair."""
    if not place.startswith(("gateway/", "engine/")):
        _started(place, home, folder, shared)
        return
    with private_home(folder) as own:
        _configure(folder)
        _started(place, {**own, "SPARK_TEST_CODE": home["SPARK_TEST_CODE"]}, folder, None)


def _started(place: str, home: dict[str, str], folder: Path, beside: Pair | None) -> None:
    pair = Pair(home, folder, place, beside)
    try:
        pair.well()
        if not pair.raised(place):
            pair.full()
            pair.go_on()
            pair.well()
        pair.consistent()
        assert pair.raised(place) or "Boom at " in pair.log.read_text(), "no traffic reaches it"
    finally:
        pair.close()
