"""Who may reach the page: names of this machine, its own origin, and passes that cannot be made up."""

import os
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from spark_lsp.gateway.page import passes, peer
from spark_lsp.gateway.page.admission import Admission, is_loopback
from spark_lsp.gateway.page.passes import PASS_S, TICKET_S, Passes


def request(
    path: str = "/", host: str = "127.0.0.1:4747", client: str = "127.0.0.1", **headers: str
) -> Request:
    named = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "client": (client, 50000) if client else None,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items()],
        }
    )


OWN = "http://127.0.0.1:4747"


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"host": "localhost"},
        {"host": "[::1]:4747", "client": "::1"},
        {"host": "127.0.0.1:9999"},  # a forwarded port
        {"client": "::ffff:127.0.0.1"},
        {"client": ""},  # over a Unix socket
        {"origin": OWN, "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
    ],
)
def test_a_browser_of_this_machine_is_admitted(good: dict[str, str]) -> None:
    assert Admission().find_refusal(request(**good)) is None


@pytest.mark.parametrize(
    "bad",
    [
        {"host": "evil.example"},  # resolves to 127.0.0.1
        {"host": "127.0.0.1.evil.example:4747"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"host": ""},
        {"host": "[broken"},
        {"host": "192.168.1.5:4747"},
        {"client": "192.168.1.7"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"path": "/page/state", "sec_fetch_site": "same-site"},
        {"path": "/page/main.js", "sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
        {
            "path": "/page/state",
            "sec_fetch_site": "cross-site",
            "sec_fetch_mode": "navigate",
            "sec_fetch_dest": "document",
        },
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
    ],
)
def test_others_are_refused(bad: dict[str, str]) -> None:
    refusal = Admission().find_refusal(request(**bad))
    assert refusal is not None
    assert refusal.status_code == 403


def test_a_named_host_admits_browsers_of_other_machines() -> None:
    admission = Admission(["GPU.lan"])
    assert admission.find_refusal(request(host="gpu.lan:4747", client="192.168.1.7")) is None
    assert admission.find_refusal(request(host="gpu.lan", origin="https://gpu.lan")) is None
    assert admission.find_refusal(request(host="other.lan", client="192.168.1.7")) is not None


@given(st.text(max_size=40))
def test_no_host_is_a_name_of_this_machine_by_accident(host: str) -> None:
    if is_loopback(host):
        assert host.lower() == "localhost" or host.strip("[]").startswith(("127.", ":", "0"))


# Tickets and passes.


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_ticket_gives_one_pass() -> None:
    own = Passes("token")
    ticket = own.issue_ticket()
    granted = own.redeem(ticket)
    assert granted is not None
    assert own.is_valid(granted)
    assert own.redeem(ticket) is None
    assert own.redeem("") is None


def test_tickets_and_passes_expire() -> None:
    clock = Clock()
    own = Passes("token", clock)
    late, ticket = own.issue_ticket(), own.issue_ticket()
    granted = own.redeem(ticket)
    assert granted is not None
    clock.now += TICKET_S
    assert own.redeem(late) is None
    clock.now += PASS_S - TICKET_S - 1
    assert own.is_valid(granted)
    clock.now += 1
    assert not own.is_valid(granted)


def test_a_pass_outlives_a_restart_with_the_same_token_only() -> None:
    own = Passes("token")
    granted = own.redeem(own.issue_ticket())
    assert granted is not None
    assert Passes("token").is_valid(granted)
    assert not Passes("another").is_valid(granted)
    identity = granted.rpartition(".")[0]
    assert Passes("token").prove(identity, "n" * 16) == own.prove(identity, "n" * 16)
    assert Passes("another").prove(identity, "n" * 16) != own.prove(identity, "n" * 16)


def test_tickets_that_nobody_uses_do_not_pile_up() -> None:
    own = Passes("token")
    tickets = [own.issue_ticket() for _ in range(passes.MAX_TICKETS + 1)]
    assert own.redeem(tickets[0]) is None
    assert own.redeem(tickets[1]) is not None


HEADER = st.characters(codec="latin-1")  # as HTTP headers are read


@given(st.text(HEADER, max_size=120), st.integers(0, 80), HEADER)
def test_no_other_text_is_a_pass(text: str, at: int, character: str) -> None:
    own = Passes("token")
    granted = own.redeem(own.issue_ticket()) or ""
    changed = granted[:at] + character + granted[at + 1 :]
    assert not own.is_valid(text)
    assert own.is_valid(changed) == (changed == granted)


# The owner of a connection.


@pytest.mark.skipif(not peer.TABLES[0].exists(), reason="Linux lists the owners of sockets")
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_owner_of_a_connection_is_known(family: int, host: str, monkeypatch: Any) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine has no {host}")
        listener.listen()
        with socket.create_connection(listener.getsockname()[:2]) as connection:
            port = connection.getsockname()[1]
            assert peer.owner_of(host, port) == os.getuid()
            assert not peer.is_foreign(host, port)
            monkeypatch.setattr(os, "getuid", lambda: 4711)
            assert peer.is_foreign(host, port) == (peer.owner_of(host, port) != peer.ROOT)


def test_another_user_is_noticed(tmp_path: Any, monkeypatch: Any) -> None:
    table = tmp_path / "tcp"
    table.write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:C350 0100007F:128B 01 00000000:00000000 00:00000000 00000000  4711        0 1\n"
    )
    monkeypatch.setattr(peer, "TABLES", (tmp_path / "missing", table))
    assert peer.owner_of("127.0.0.1", 50000) == 4711
    assert peer.is_foreign("127.0.0.1", 50000) == (os.getuid() != 4711)
    assert peer.owner_of("127.0.0.1", 50001) is None
    assert peer.owner_of("not an address", 50000) is None
