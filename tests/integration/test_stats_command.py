"""`spark-lsp stats`: figures of a history, as text, as JSON and as a picture."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from spark_lsp.answer_events import Usage
from spark_lsp.budget.ledger import Charge, Claim
from spark_lsp.budget.limits import Amount
from spark_lsp.store.history import DAY_SECONDS, History, Row
from spark_lsp.store.ledger import SqliteLedger

NOW = int(time.time())
ROW = Row(NOW, "python", "local", "qwen2.5-coder-0.5b", 12, 1, 100.0, 0.75, "accepted", 12)


def stats(home: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spark_lsp", "stats", *arguments]
    return subprocess.run(command, env=home, capture_output=True, text=True, check=False)


@pytest.fixture
def state(home: dict[str, str]) -> Path:
    return Path(home["XDG_STATE_HOME"]) / "spark-lsp"


@pytest.fixture
def history(state: Path) -> History:
    made = History(state)
    rows = [replace(ROW, at=NOW - number, latency_ms=10.0 * number) for number in range(1, 11)]
    rows += [
        replace(ROW, outcome=each, accepted_chars=0) for each in ("rejected", "ignored", "typed", "brief")
    ]
    rows += [replace(ROW, language="lua", engine="gpu", model="", outcome="partly", accepted_chars=4)]
    rows += [replace(ROW, at=NOW - 40 * DAY_SECONDS)]
    made.add(enumerate(rows))
    return made


@pytest.mark.usefixtures("history")
def test_the_figures_as_json(home: dict[str, str]) -> None:
    done = stats(home, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    total = told["total"]
    assert told["last_days"] == 30
    expected = {"shown": 15, "accepted": 10, "partly": 1, "rejected": 1, "ignored": 1, "typed": 1, "brief": 1}
    assert {name: total[name] for name in expected} == expected
    assert total["accepted_share"] == round(11 / 13, 4)
    assert total["accepted_chars"] == 10 * 12 + 4
    assert (total["p50_ms"], total["p95_ms"]) == (80.0, 100.0)
    assert [(each["name"], each["shown"]) for each in told["languages"]] == [("python", 14), ("lua", 1)]
    assert [each["name"] for each in told["engines"]] == ["local (qwen2.5-coder-0.5b)", "gpu"]
    assert sum(each["shown"] for each in told["days"]) == 15


@pytest.mark.usefixtures("history")
def test_the_figures_as_text_and_for_more_days(home: dict[str, str]) -> None:
    done = stats(home, "--days", "60")
    assert done.returncode == 0, done.stderr
    assert "suggestions of the last 60 days: 16 shown" in done.stdout
    assert "86%" in done.stdout
    assert "local (qwen2.5-coder-0.5b)" in done.stdout


@pytest.mark.usefixtures("history")
def test_a_picture(home: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "stats.svg"
    done = stats(home, "--plot", str(picture))
    assert done.returncode == 0, done.stderr
    assert "accepted" in picture.read_text("utf-8")
    refused = stats(home, "--plot", str(tmp_path / "no" / "stats.svg"))
    assert refused.returncode == 1
    assert "cannot be drawn" in refused.stderr


@pytest.fixture
def used(state: Path) -> SqliteLedger:
    """A ledger with a paid engine on two days, one without a price, and a simulated machine."""
    ledger = SqliteLedger(state)
    today, day_before = date.today(), date.today() - timedelta(1)

    def charge(engine: str, day: date, money: int, currency: str = "USD", **more: bool) -> Charge:
        claim = Claim("", engine, "m", (f"engine:{engine}",), Amount(), currency, day.isoformat())
        return Charge(claim, Usage(1_000, 100, 400), money, "m", estimated=1, **more)

    charges = [charge("spark", day, 250_000_000) for day in (day_before, today, today)]
    charges += [charge("local", today, 0, ""), charge("wafer", today, 5_000_000, is_simulated=True)]
    ledger.settle(charges, time.time())
    return ledger


@pytest.mark.usefixtures("used")
def test_the_use_of_engines_without_a_history(home: dict[str, str], tmp_path: Path) -> None:
    done = stats(home, "--json")
    assert done.returncode == 0, done.stderr
    usage = json.loads(done.stdout)["usage"]
    spark = usage["engines"][0]
    assert (spark["name"], spark["answers"], spark["input_tokens"]) == ("spark (m)", 3, 3_000)
    assert spark["costs"] == {"USD": 0.75}
    assert [(day["answers"], day["costs"]) for day in usage["days"]] == [
        (1, {"USD": 0.25}),
        (3, {"USD": 0.5}),  # without the simulated machine
    ]
    text = stats(home).stdout
    assert "0.75 USD" in text
    assert "0.0050 USD (simulated)" in text
    assert "no history" not in text
    if importlib.util.find_spec("matplotlib"):
        picture = tmp_path / "usage.svg"
        assert stats(home, "--plot", str(picture)).returncode == 0
        assert "cost in USD" in picture.read_text("utf-8")


@pytest.mark.usefixtures("history", "used")
def test_both_in_one_picture(home: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "both.svg"
    done = stats(home, "--plot", str(picture))
    assert done.returncode == 0, done.stderr
    assert {"accepted", "cost in USD"} <= {
        word for word in ("accepted", "cost in USD") if word in picture.read_text("utf-8")
    }


def test_without_a_history_there_are_no_figures(home: dict[str, str]) -> None:
    done = stats(home)
    assert done.returncode == 3
    assert "no history" in done.stdout
    told = stats(home, "--json")
    assert told.returncode == 3
    assert json.loads(told.stdout)["total"]["shown"] == 0


def test_a_damaged_history_is_named(home: dict[str, str], state: Path) -> None:
    state.mkdir(parents=True)
    (state / "history.sqlite3").write_bytes(b"no database" * 100)
    done = stats(home)
    assert done.returncode == 1
    assert "history.sqlite3" in done.stderr
    assert "There are no figures" in done.stderr


@pytest.mark.parametrize("days", ["0", "-1", "x", "1e3", "100000"])
def test_a_wrong_number_of_days_is_refused(home: dict[str, str], days: str) -> None:
    assert stats(home, f"--days={days}").returncode == 2


@pytest.mark.usefixtures("history")
@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_clean_removes_the_history(home: dict[str, str], state: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "spark_lsp", "clean", "--yes"]
    environment = {**home, "XDG_CACHE_HOME": str(tmp_path / "cache")}  # the usual one is that of all tests
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "history" in done.stdout
    assert not state.exists()
