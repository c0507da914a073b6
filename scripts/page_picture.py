"""Makes docs/images/page*.png: the gateway's page in a browser, light, dark and on a phone.

Needs what `make test` brings: `.venv/bin/python scripts/page_picture.py`. The gateway is a real one. Its
engines replay a text, so no model is needed; the playground shows the sample text at simulated paces.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.editors.code import launch  # noqa: E402

CONFIG = """\
[engines.text]
kind = "replay"
text = "text.txt"
tokens_per_s = 40
[engines.wafer]
kind = "wafer"
source = "text"
buffer = true
[engines.gpu]
kind = "openai"
base_url = "http://gpu.lan:8000/v1"
[engines.spare]
kind = "wafer"
source = "box"
[routes]
completion = ["wafer", "text"]
edit = ["text"]
"""
PICTURES: tuple[tuple[str, str, int, Any], ...] = (
    ("page", "#now", 900, "light"),  # this one plays an answer of an engine, which is counted
    ("page-play", "#playground", 900, "light"),
    ("page-dark", "#playground", 900, "dark"),
    ("page-phone", "#playground", 360, "light"),
)
COLOURS = 64


def take(browser: Browser, address: str, part: str, width: int, scheme: Any) -> bytes:
    """Run the playground once, and return a picture of a part of the page."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(address)
    page.select_option("#source", "text" if part == "#now" else "")
    page.click("#run")
    page.wait_for_selector("#amdahl:not([hidden])")
    page.wait_for_selector("#streams .quiet" if part == "#now" else "#gain")
    picture = page.locator(part).screenshot()
    context.close()
    return picture


def write(picture: bytes, name: str) -> None:
    """Write a picture with few colours, which keeps its file small."""
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(ROOT / "docs" / "images" / f"{name}.png", optimize=True)


def main() -> None:
    """Take the pictures and write the files."""
    folder = Path(tempfile.mkdtemp(prefix="spark-page-"))
    (folder / "text.txt").write_text("return a + b\n" * 20)
    (folder / "config.toml").write_text(CONFIG)
    environment = {**os.environ, "SPARK_LSP_RUNTIME_DIR": str(folder)}
    program = [sys.executable, "-m", "spark_lsp"]
    gateway = subprocess.Popen(
        [*program, "gateway", "--config", str(folder / "config.toml")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert gateway.stdout is not None
        json.loads(gateway.stdout.readline())  # it is ready
        with sync_playwright() as playwright:
            browser = launch(playwright)
            for name, part, width, scheme in PICTURES:
                opened = subprocess.run(
                    [*program, "open", "--print"], env=environment, check=True, capture_output=True, text=True
                )
                write(take(browser, opened.stdout.strip(), part, width, scheme), name)
            browser.close()
    finally:
        gateway.terminate()
        gateway.wait()


if __name__ == "__main__":
    main()
