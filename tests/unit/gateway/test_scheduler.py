"""The queue of one session: who supersedes whom, how many run, who goes first."""

from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.gateway.scheduler import Decision, Scheduler
from spark_lsp.request import Priority, Request, Task


def completion(origin: str = "a.py", priority: Priority = Priority.INTERACTIVE) -> Request:
    return Request(Task.COMPLETE, origin=origin, priority=priority)


def edit(origin: str = "a.py", priority: Priority = Priority.INTERACTIVE) -> Request:
    return Request(Task.EDIT, origin=origin, priority=priority)


def test_a_request_starts_at_once_while_there_is_room() -> None:
    assert Scheduler().submit("1", edit()) == Decision(start=("1",))


def test_a_newer_completion_stops_the_running_one_of_its_document() -> None:
    scheduler = Scheduler()
    scheduler.submit("old", completion())
    assert scheduler.submit("new", completion()) == Decision(start=("new",), stop=("old",))


def test_a_newer_completion_drops_the_waiting_one_of_its_document() -> None:
    scheduler = Scheduler(limit=1)
    scheduler.submit("busy", edit())
    scheduler.submit("old", completion())
    assert scheduler.submit("new", completion()) == Decision(drop=("old",))
    assert scheduler.done("busy") == Decision(start=("new",))


def test_completions_of_other_documents_and_of_none_are_left_alone() -> None:
    scheduler = Scheduler()
    for number, origin in enumerate(("a.py", "b.py", "", "")):
        assert scheduler.submit(str(number), completion(origin)).stop == ()
    assert scheduler.statistics() == (4, 0)


def test_edits_neither_supersede_nor_are_superseded() -> None:
    scheduler = Scheduler()
    scheduler.submit("completion", completion())
    assert scheduler.submit("edit", edit()) == Decision(start=("edit",))
    assert scheduler.submit("newer", completion()).stop == ("completion",)


def test_work_that_was_asked_to_stop_holds_its_place_until_it_has() -> None:
    scheduler = Scheduler(limit=1)
    scheduler.submit("1", completion())
    assert scheduler.submit("2", completion()) == Decision(stop=("1",))
    assert scheduler.statistics() == (1, 1)
    assert scheduler.done("1") == Decision(start=("2",))


def test_a_flood_of_questions_and_cancels_never_exceeds_the_limit() -> None:
    scheduler = Scheduler(limit=4)
    for number in range(1000):
        scheduler.submit(str(number), edit())
        scheduler.withdraw(str(number))
    assert scheduler.statistics() == (4, 0)


def test_interactive_goes_before_background_and_each_in_its_order() -> None:
    scheduler = Scheduler(limit=1)
    scheduler.submit("first", edit())
    for name in ("b1", "b2"):
        scheduler.submit(name, edit(priority=Priority.BACKGROUND))
    for name in ("i1", "i2"):
        scheduler.submit(name, edit())
    order, running = [], "first"
    while started := scheduler.done(running).start:
        order.append(running := started[0])
    assert order == ["i1", "i2", "b1", "b2"]


GUESS = completion(priority=Priority.BACKGROUND)


def test_a_guess_neither_supersedes_a_request_nor_runs_beside_it() -> None:
    scheduler = Scheduler()
    scheduler.submit("asked", completion())
    assert scheduler.submit("guess", GUESS) == Decision()
    assert scheduler.submit("newer", completion()) == Decision(
        start=("newer",), stop=("asked",), drop=("guess",)
    )


def test_a_guess_waits_for_all_interactive_requests_and_a_newer_one_replaces_it() -> None:
    scheduler = Scheduler()
    scheduler.submit("edit", edit("b.py"))
    assert scheduler.submit("guess", GUESS) == Decision()
    assert scheduler.submit("other", edit("b.py", Priority.BACKGROUND)) == Decision(start=("other",))
    assert scheduler.submit("better", GUESS) == Decision(drop=("guess",))
    assert scheduler.done("edit") == Decision(start=("better",))


def test_any_interactive_request_stops_a_guess_and_nothing_else_that_runs() -> None:
    scheduler = Scheduler()
    scheduler.submit("job", edit("b.py", Priority.BACKGROUND))
    scheduler.submit("guess", GUESS)
    assert scheduler.submit("edit", edit("c.py")) == Decision(start=("edit",), stop=("guess",))


def test_withdrawing_stops_what_runs_drops_what_waits_and_ignores_the_unknown() -> None:
    scheduler = Scheduler(limit=1)
    scheduler.submit("runs", edit())
    scheduler.submit("waits", edit())
    assert scheduler.withdraw("runs") == Decision(stop=("runs",))
    assert scheduler.withdraw("waits") == Decision(drop=("waits",))
    assert scheduler.withdraw("waits") == scheduler.withdraw("unknown") == Decision()


requests = st.builds(
    Request,
    st.sampled_from(Task),
    origin=st.sampled_from(["", "a", "b"]),
    priority=st.sampled_from(Priority),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(requests, st.integers(0, 30)), max_size=60), st.integers(1, 4))
def test_whatever_happens_each_request_starts_or_is_dropped_once(
    steps: list[Request | int], limit: int
) -> None:
    """A number ends the running request of that index, modulo how many run."""
    scheduler = Scheduler(limit)
    asked, running, ended = 0, list[str](), list[str]()

    def follow(decision: Decision) -> None:
        assert set(decision.stop) <= set(running)
        running.extend(decision.start)
        ended.extend(decision.drop)
        assert len(running) <= limit

    for step in steps:
        if isinstance(step, Request):
            follow(scheduler.submit(str(asked), step))
            asked += 1
        elif running:
            over = running.pop(step % len(running))
            ended.append(over)
            follow(scheduler.done(over))
    while running:
        over = running.pop()
        ended.append(over)
        follow(scheduler.done(over))
    assert sorted(ended) == sorted(str(number) for number in range(asked))
    assert scheduler.statistics() == (0, 0)
