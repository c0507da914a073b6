"""The public events of a streamed answer, in the shapes of the Responses API.

One answer of one text part is, on the public surface:

    response.created, response.in_progress, response.output_item.added, response.content_part.added,
    response.output_text.delta …, response.output_text.done, response.content_part.done,
    response.output_item.done, response.completed

or `response.incomplete` / `response.failed` at the end. Between our two processes only what carries news
is sent: created (with who answers), deltas, and the end, whose text is left out because the deltas were
it. `sequence_number` is set by whoever writes the event, after coalescing.
"""

from typing import Any

from spark_lsp.request import Finished, Started, Timing, Usage

JsonObject = dict[str, Any]


def response_object(
    identity: str, model: str, created_at: float, status: str, previous: str | None = None
) -> JsonObject:
    """Return a response object with all fields that the public types demand."""
    return {
        "id": identity,
        "object": "response",
        "created_at": created_at,
        "status": status,
        "model": model,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": False,
        "previous_response_id": previous,
        "temperature": None,
        "tool_choice": "none",
        "tools": [],
        "top_p": None,
    }


def timing(finished: Finished, overhead_ms: float) -> JsonObject:
    """Return the `timing` object of `spark.timing`."""
    spent = finished.timing
    return {
        "queue_ms": spent.queue_ms,
        "prefill_ms": spent.prefill_ms,
        "decode_ms": spent.decode_ms,
        "ttft_ms": spent.ttft_ms,
        "overhead_ms": overhead_ms,
        "tokens": finished.usage.output_tokens,
        "simulated": spent.simulated,
        **(_true(spent) if spent.simulated else {}),
    }


def _true(spent: Timing) -> JsonObject:
    """Return what really was, beside a simulated machine's times."""
    return {
        "true_ttft_ms": spent.true_ttft_ms,
        "true_decode_ms": spent.true_decode_ms,
        "buffer_ms": spent.buffer_ms,
        "source_limited": spent.source_limited,
    }


def public_timing(finished: Finished, overhead_ms: float) -> JsonObject:
    """Return the public timing event, for those who asked for it in the handshake.

    The fields are those that Codex reads: the API's own share, and the engine's total, time to first
    token and time between tokens, in milliseconds. An engine here is one call, without a service around.
    A simulated machine's times come with it as `time_info`, in seconds.
    """
    spent = finished.timing
    between = spent.decode_ms / max(finished.usage.output_tokens - 1, 1)
    return {
        "type": "responsesapi.websocket_timing",
        "timing_metrics": {
            "responses_duration_excl_engine_and_client_tool_time_ms": overhead_ms,
            "engine_service_total_ms": spent.ttft_ms + spent.decode_ms,
            "engine_iapi_ttft_total_ms": spent.ttft_ms,
            "engine_service_ttft_total_ms": spent.ttft_ms,
            "engine_iapi_tbt_across_engine_calls_ms": between,
            "engine_service_tbt_across_engine_calls_ms": between,
        },
        **({"time_info": spent.time_info} if spent.simulated else {}),
    }


def opening(item: str) -> list[JsonObject]:
    """Return the events between `response.created` and the first delta."""
    message = _message(item, "in_progress", [])
    part = _part("")
    where: JsonObject = {"item_id": item, "output_index": 0, "content_index": 0}
    return [
        {"type": "response.output_item.added", "output_index": 0, "item": message},
        {"type": "response.content_part.added", **where, "part": part},
    ]


def delta(item: str, text: str) -> JsonObject:
    """Return the event for some more text."""
    return {
        "type": "response.output_text.delta",
        "item_id": item,
        "output_index": 0,
        "content_index": 0,
        "delta": text,
        "logprobs": [],
    }


def closing(item: str, text: str) -> list[JsonObject]:
    """Return the events between the last delta and the terminal."""
    where: JsonObject = {"item_id": item, "output_index": 0, "content_index": 0}
    return [
        {"type": "response.output_text.done", **where, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **where, "part": _part(text)},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": _message(item, "completed", [_part(text)]),
        },
    ]


def output(item: str, text: str) -> list[JsonObject]:
    """Return `output` of a finished response."""
    return [_message(item, "completed", [_part(text)])]


def usage(used: Usage) -> JsonObject:
    """Return the usage object."""
    return {
        "input_tokens": used.input_tokens,
        "input_tokens_details": {"cached_tokens": used.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": used.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used.input_tokens + used.output_tokens,
    }


def ending(finished: Finished, *, spark: bool) -> tuple[str, str, JsonObject | None]:
    """Return `(type, status, incomplete_details)` of the terminal event for a finish.

    The public types know no reason "cancelled", as the public protocol knows no cancel.
    """
    if finished.reason == "stop":
        return "response.completed", "completed", None
    if finished.reason == "length":
        return "response.incomplete", "incomplete", {"reason": "max_output_tokens"}
    if finished.reason == "steered":
        return "response.incomplete", "incomplete", {"reason": "steered"}
    return "response.incomplete", "incomplete", {"reason": "cancelled"} if spark else None


def answerer(started: Started) -> JsonObject:
    """Return the `spark` object of `response.created`."""
    return {
        "engine": started.engine,
        "model": started.model,
        "format": started.format.value,
        "simulated": started.simulated,
    }


def _message(item: str, status: str, content: list[JsonObject]) -> JsonObject:
    return {"id": item, "type": "message", "role": "assistant", "status": status, "content": content}


def _part(text: str) -> JsonObject:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
