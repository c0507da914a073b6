"""The page's files, and the headers of every response of the page.

Everything comes from the gateway itself: no script and no style inside the HTML, and nothing from elsewhere.
The files are the same for everyone. A browser may keep them, and asks each time whether they have changed
(`ETag`). All else is private and never kept.
"""

import functools
import hashlib
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
NAMES = ("index.html", "style.css", "main.js", "api.js", "live.js", "play.js", "amdahl.js", "icon.svg")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
PRIVATE = "no-store"


@functools.lru_cache(maxsize=len(NAMES))
def read_file(name: str) -> tuple[bytes, str]:
    """Return the contents of one of `NAMES`, and its entity tag."""
    content = (files("spark_lsp.gateway.page") / "static" / name).read_bytes()
    return content, f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def answer_with_file(request: Request, name: str) -> Response:
    """Return a file, or 304 if the browser has it."""
    content, tag = read_file(name)
    headers = {"etag": tag, "cache-control": "no-cache"}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=TYPES[name.rpartition(".")[2]], headers=headers)
