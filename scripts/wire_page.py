"""The page of the wire protocol: rules from wire_page.md; numbers and messages from the code."""

import inspect
from pathlib import Path
from typing import Any

import msgspec

from spark_lsp.wire import codec, credit, frames, lanes, response_history, server, server_messages

TEMPLATE = Path(__file__).with_name("wire_page.md")


def wire() -> str:
    """Return the page."""
    numbers = {
        "subprotocol": frames.SUBPROTOCOL,
        "lanes": lanes.MAX_LANES,
        "flight": server_messages.MAX_IN_FLIGHT,
        "unfinished": server.MAX_UNFINISHED,
        "lineage": response_history.MAX_CHARS // 1024 // 1024,
        "strikes": server.MAX_STRIKES,
        "message": server_messages.MAX_MESSAGE_BYTES // 1024 // 1024,
        "lane_events": credit.LANE_EVENTS,
        "lane_bytes": credit.LANE_BYTES // 1024,
        "all_events": credit.ALL_EVENTS,
        "all_bytes": credit.ALL_BYTES // 1024,
        "chunk": f"{frames.CHUNK_CHARS:,}",
    }
    sent = {**codec.CLIENT_FRAMES, **codec.AUTH_FRAMES}
    received = {**codec.CHALLENGE_FRAMES, **codec.SERVER_FRAMES}
    tables = [_table("Messages from the client", sent), _table("Messages from the gateway", received)]
    page = TEMPLATE.read_text("utf-8")
    return page.format(**numbers) + "\n".join(tables)


def _table(title: str, kinds: dict[str, Any]) -> str:
    rows = "".join(_row(name, kind) for name, kind in kinds.items() if _is_ours(name))
    return f"### {title}\n\n| message | fields | meaning |\n|---|---|---|\n{rows}"


def _is_ours(name: str) -> bool:
    return name.startswith("spark.") or name == "response.cancel"


def _row(name: str, kind: Any) -> str:
    fields = ", ".join(
        f"`{field.encode_name}`" + ("" if field.required else "?") for field in msgspec.structs.fields(kind)
    )
    meaning = " ".join((inspect.getdoc(kind) or "").split())
    return f"| `{name}` | {fields} | {meaning} |\n"
