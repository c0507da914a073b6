"""`POST /v1/completions`: the text at a cursor, in the shape of OpenAI's legacy interface.

Plug-ins for filling in the middle send such requests. They take the same path as all others: the connection's
scheduler, the route, its failover.

An engine may not know stop strings, so the text is cut here too. An engine that is stopped this way reports
no tokens; they are then estimated from the characters.
"""

import json
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

from spark_lsp.gateway.completion_fields import Completion
from spark_lsp.gateway.handler import ConnectionHandler
from spark_lsp.gateway.http_answer import FAILURE_TYPES, HttpAnswer
from spark_lsp.gateway.http_errors import error_body
from spark_lsp.prompts.stops import StopFilter
from spark_lsp.wire import codec

CHARS_PER_TOKEN = 4  # of the estimate
_DONE = "data: [DONE]\n\n"

Reason = Literal["stop", "length"]


class CompletionOverHttp(HttpAnswer):
    """The HTTP response to one completion."""

    def __init__(
        self, opened: AbstractAsyncContextManager[ConnectionHandler], completion: Completion
    ) -> None:
        super().__init__(opened, completion.message)
        self._completion = completion
        self._stops = StopFilter(completion.stop)
        self._pieces: list[str] = []
        self._generated_chars = 0
        self._head: dict[str, Any] = {}

    async def _write_event(self, kind: str, fields: dict[str, Any], event: str) -> None:
        if not self._head:
            self._head = _make_head(json.loads(self._created))
        if kind == "response.output_text.delta":
            await self._write_text(fields["delta"])
        elif kind in FAILURE_TYPES:
            await self._break_off(fields)
        elif kind in ("response.completed", "response.incomplete"):
            await self._finish(fields["response"])

    async def _write_text(self, text: str) -> None:
        self._generated_chars += len(text)
        await self._pass_on(self._stops.feed(text))
        if self._stops.found:
            await self._end("stop", self._estimate_usage())
            self._done.set()  # this ends the handler, which stops the engine

    async def _pass_on(self, text: str) -> None:
        if not text:
            return
        self._pieces.append(text)
        if self._completion.stream:
            await self._send_chunk([_make_choice(text, None)])

    async def _finish(self, response: dict[str, Any]) -> None:
        await self._pass_on(self._stops.finish())
        cut: dict[str, str] = response["incomplete_details"] or {"reason": ""}
        reason: Reason = "length" if cut["reason"] == "max_output_tokens" else "stop"
        used = response["usage"]
        await self._end(reason, _make_usage(used["input_tokens"], used["output_tokens"]))

    async def _end(self, reason: Reason, usage: dict[str, int]) -> None:
        if not self._completion.stream:
            choice = _make_choice("".join(self._pieces), reason)
            await self._send_json(200, {**self._head, "choices": [choice], "usage": usage})
            return
        await self._send_chunk([_make_choice("", reason)])
        if self._completion.reports_usage:
            await self._send_chunk([], usage)
        await self._send_body(_DONE, more=False)

    async def _break_off(self, fields: dict[str, Any]) -> None:
        """End a stream that has begun with an error, in the form that OpenAI's clients read."""
        error = fields.get("error") or fields["response"]["error"]
        body = codec.encode(error_body(error["code"], error["message"]))
        await self._send_body(f"data: {body}\n\n", more=False)

    async def _send_chunk(self, choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> None:
        if not self._started:
            await self._start_stream()
        chunk = {**self._head, "choices": choices}
        if self._completion.reports_usage:
            chunk["usage"] = usage
        await self._send_body(f"data: {codec.encode(chunk)}\n\n", more=True)

    def _estimate_usage(self) -> dict[str, int]:
        prompt = self._completion.prompt
        return _make_usage(
            -(-(len(prompt.prefix) + len(prompt.suffix)) // CHARS_PER_TOKEN),
            -(-self._generated_chars // CHARS_PER_TOKEN),
        )


def _make_head(created: dict[str, Any]) -> dict[str, Any]:
    response = created["response"]
    return {
        "id": f"cmpl_{response['id'].removeprefix('resp_')}",
        "object": "text_completion",
        "created": int(response["created_at"]),
        "model": response["model"],
    }


def _make_choice(text: str, reason: Reason | None) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": reason}


def _make_usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
