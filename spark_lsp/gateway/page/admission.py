"""Which requests may reach the page at all: the checks that need no pass.

A browser also runs pages of others, so each request must come from a page of ours or from the address bar:

- the `Host` header names this machine. A foreign name that resolves to 127.0.0.1 (DNS rebinding) is refused;
- the other end of the connection is on this machine;
- `Origin`, which a browser sends with each POST, is the page's own;
- `Sec-Fetch-Site`, which a page cannot forge, is not that of another site, except to open the page itself.

`spark-lsp gateway --page-host NAME` allows browsers on other machines that use this name.
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from spark_lsp.codes import Code
from spark_lsp.gateway.http_errors import error_response

OWN_SITES = ("", "same-origin", "none")  # an empty one: not a browser, or an old one


def is_loopback(host: str) -> bool:
    """Return whether a host name or an address is of this machine."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


class Admission:
    """See the module's text. `names` are the host names of `--page-host`."""

    def __init__(self, names: Collection[str] = ()) -> None:
        self._names = frozenset(name.lower() for name in names)

    @property
    def has_names(self) -> bool:
        """Whether browsers on other machines are admitted."""
        return bool(self._names)

    def find_refusal(self, request: HTTPConnection) -> Response | None:
        """Return a 403 response, or None if the request is admitted."""
        host = request.headers.get("host", "")
        if not self._is_own_name(_name_of(host)):
            return _refuse(
                "The page is not served under this name. Run `spark-lsp open` for its address; for browsers "
                "on other machines, start the gateway with --page-host NAME"
            )
        if not self.has_names and request.client is not None and not is_loopback(request.client.host):
            return _refuse(
                "The page is for this machine only. For browsers on other machines, start the gateway with "
                "--page-host NAME"
            )
        origin = request.headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return _refuse("Pages of other origins are not served here")
        if request.headers.get("sec-fetch-site", "") not in OWN_SITES and not _opens_page(request):
            return _refuse("Pages of other sites are not served here")
        return None

    def _is_own_name(self, name: str) -> bool:
        return is_loopback(name) or name in self._names


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _opens_page(request: HTTPConnection) -> bool:
    """Return whether a link on another site opens the page: that shows nothing without a pass."""
    is_navigation = request.headers.get("sec-fetch-mode") == "navigate"
    return is_navigation and request.headers.get("sec-fetch-dest") == "document" and request.url.path == "/"


def _refuse(message: str) -> Response:
    return error_response(403, Code.FORBIDDEN_ORIGIN, message)
