"""Builds the public events of a streamed response, in the shapes of the Responses API.

A response of one text part has these events on the public surface:

    response.created, response.in_progress, response.output_item.added, response.content_part.added,
    response.output_text.delta …, response.output_text.done, response.content_part.done,
    response.output_item.done, response.completed

or `response.incomplete` / `response.failed` at the end. Under spark.v1 only the events that carry information
are sent: created (with the engine), deltas, and the end without the text, because the deltas were the text.
"""

from msgspec import UNSET

from spark_lsp.answer_events import Finished, Started
from spark_lsp.wire.response_frames import (
    Answerer,
    AnswerEvent,
    Completed,
    CutShort,
    Incomplete,
    ItemAdded,
    ItemDone,
    OutputMessage,
    OutputText,
    PartAdded,
    PartDone,
    PublicTiming,
    TextDone,
)


def public_timing(finished: Finished, overhead_ms: float) -> PublicTiming:
    """Return the public timing event, for clients that requested it in the handshake.

    The fields are those that Codex reads: the API's own share, and the engine's total, time to first
    token and time between tokens, in milliseconds. An engine here is one call, without a service around.
    A simulated machine's times come with it as `time_info`, in seconds.
    """
    spent = finished.timing
    between = spent.decode_ms / max(finished.usage.output_tokens - 1, 1)
    metrics = {
        "responses_duration_excl_engine_and_client_tool_time_ms": overhead_ms,
        "engine_service_total_ms": spent.ttft_ms + spent.decode_ms,
        "engine_iapi_ttft_total_ms": spent.ttft_ms,
        "engine_service_ttft_total_ms": spent.ttft_ms,
        "engine_iapi_tbt_across_engine_calls_ms": between,
        "engine_service_tbt_across_engine_calls_ms": between,
    }
    if spent.simulated:
        return PublicTiming(timing_metrics=metrics, time_info=spent.time_info)
    return PublicTiming(timing_metrics=metrics)


def opening(item: str) -> list[AnswerEvent]:
    """Return the events between `response.created` and the first delta."""
    return [
        ItemAdded(item=OutputMessage(id=item, status="in_progress", content=[])),
        PartAdded(item_id=item, part=OutputText(text="")),
    ]


def closing(item: str, text: str) -> list[AnswerEvent]:
    """Return the events between the last delta and the terminal."""
    (message,) = output(item, text)
    return [
        TextDone(item_id=item, text=text),
        PartDone(item_id=item, part=OutputText(text=text)),
        ItemDone(item=message),
    ]


def output(item: str, text: str) -> list[OutputMessage]:
    """Return `output` of a finished response."""
    return [OutputMessage(id=item, status="completed", content=[OutputText(text=text)])]


Ending = tuple[type[Completed | CutShort], str, Incomplete | None]


def ending(finished: Finished, *, spark: bool) -> Ending:
    """Return `(event, status, incomplete_details)` of the terminal event for a finish.

    The public types know no reason "cancelled", as the public protocol knows no cancel.
    """
    if finished.reason == "stop":
        return Completed, "completed", None
    if finished.reason == "length":
        return CutShort, "incomplete", Incomplete(reason="max_output_tokens")
    if finished.reason == "steered":
        return CutShort, "incomplete", Incomplete(reason="steered")
    return CutShort, "incomplete", Incomplete(reason="cancelled") if spark else None


def answerer(started: Started) -> Answerer:
    """Return the `spark` object of `response.created`."""
    return Answerer(
        engine=started.engine,
        model=started.model,
        format=started.format.value,
        simulated=started.simulated,
        route=started.route or UNSET,
    )
