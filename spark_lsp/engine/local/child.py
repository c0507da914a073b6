"""The process that holds the model: llama.cpp's own HTTP server, and nothing else of spark-lsp.

Native code parses a file of weights and runs for hours; it may crash or be killed for memory. So it
lives here, in a child of the gateway, and this is the only file that imports xllamacpp.

    python -m spark_lsp.engine.local.child --model FILE --listen ADDRESS --home DIRECTORY [--draft]

`ADDRESS` is the path of a Unix socket or `127.0.0.1`. `DIRECTORY` has mode 0700 and holds the socket
(which is itself created 0755) and saved states of the model; all of it is derived from the
user's code, so it is removed at the end. The key every request must bear comes in the environment variable
`SPARK_LSP_CHILD_KEY`. One JSON line on stdout says how the start went: `{"event": "ready", "address": …,
"drafts": …}` or `{"event": "failed", "code": …, "reason": …}`. The process ends when its stdin is closed,
which the operating system does for it when the gateway dies in any way.
"""

import argparse
import json
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

KEY_VARIABLE = "SPARK_LSP_CHILD_KEY"
# llama.cpp looks at cancels between batches only. Its default of 2048 tokens held a slot for up to
# 37 s after a cancel on two cores; 64 frees it in about half a second and prefills as fast.
BATCH_TOKENS = 64
# States of earlier prompts that llama.cpp keeps in memory; its default is 8 GB. Requests that name their
# slot, as ours do, never use them.
PROMPT_CACHE_MIB = 0
# An edit repeats most of the text that it changes. So the `n_min` to `n_max` tokens that followed the last
# `n_match` ones in the prompt become a draft, which the model checks at once instead of token by token.
DRAFTING = {"n_match": 8, "n_min": 4, "n_max": 24}


def main() -> None:
    """Serve one model until stdin closes."""
    report = _keep_stdout()
    arguments = _arguments()
    try:
        server, drafts = _serve(arguments)
    except ImportError:
        _fail(report, "package_missing", "The package xllamacpp is not installed")
    except Exception as error:
        reason = f"llama.cpp could not load {Path(arguments.model).name} ({type(error).__name__})"
        _fail(report, "model_unavailable", reason)
    _say(report, {"event": "ready", "address": server.listening_address, "drafts": drafts})
    _wait_for_the_end()
    shutil.rmtree(arguments.home, ignore_errors=True)
    os._exit(0)  # llama.cpp's own shutdown waits for running requests; nobody waits for these any more


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("spark-lsp-model")
    parser.add_argument("--model", required=True)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--home", required=True)
    parser.add_argument("--parallel", type=int, default=4, help="slots; see slots.py")
    parser.add_argument("--context", type=int, default=8192, help="tokens, shared by all slots")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as physical cores")
    parser.add_argument("--draft", action="store_true", help="draft answers from their prompts")
    return parser.parse_args()


def _serve(arguments: argparse.Namespace) -> tuple[Any, bool]:
    """Load the model; return the running server, and whether it drafts."""
    import xllamacpp  # type: ignore[import-untyped]

    native: Any = xllamacpp
    params = native.CommonParams()
    params.model.path = arguments.model
    if hasattr(params, "hostnames"):
        params.hostnames = [arguments.listen]
    else:  # releases before 2026.10
        params.hostname = arguments.listen
    params.port = 0
    params.api_keys = [os.environ.pop(KEY_VARIABLE)]
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.n_ctx, params.n_parallel = arguments.context, arguments.parallel
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.slot_save_path = os.path.join(arguments.home, "")
    params.kv_unified = True  # one slot may use what the other leaves
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = arguments.threads or physical_cores()
    params.fit_params = False
    setattr(params, "ui" if hasattr(params, "ui") else "webui", False)  # `webui` before 2026.6
    params.verbosity = -1
    drafts = bool(arguments.draft) and enable_drafting(native, params)
    return native.Server(params), drafts


def enable_drafting(native: Any, params: Any) -> bool:
    """Let llama.cpp draft answers from their prompts; return False for a release that cannot.

    The model decides about each token of a draft, so drafts change an answer's time and not its text, except
    where two tokens are almost equally probable: checking many tokens at once rounds differently. The
    setting is the server's, not a request's.
    """
    kinds = getattr(native, "common_speculative_type", None)
    kind = getattr(kinds, "COMMON_SPECULATIVE_TYPE_NGRAM_MOD", None)
    drafting = getattr(params.speculative, "ngram_mod", None)
    if kind is None or not all(hasattr(drafting, name) for name in DRAFTING):
        return False
    for name, tokens in DRAFTING.items():
        setattr(drafting, name, tokens)
    params.speculative.types = [kind]
    return True


def physical_cores() -> int:
    """Return how many cores this process may keep busy: a second thread on a core only slows decoding.

    Counts distinct cores among the processors this process may run on, and heeds a container's quota.
    """
    allowed = _allowed_processors()
    siblings = {_read(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") for cpu in allowed}
    cores = len(siblings - {""}) or max(1, len(allowed) // (2 if sys.platform == "win32" else 1))
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        cores = min(cores, max(1, round(int(quota) / int(period))))
    return cores


def _allowed_processors() -> list[int]:
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _read(path: str) -> str:
    try:
        return Path(path).read_text("ascii").strip()
    except OSError:
        return ""


def _keep_stdout() -> int:
    """Return a descriptor of the real stdout, and send everything native code prints to stderr."""
    report = os.dup(1)
    os.dup2(2, 1)
    return report


def _say(report: int, message: dict[str, object]) -> None:
    os.write(report, json.dumps(message).encode() + b"\n")


def _fail(report: int, code: str, reason: str) -> NoReturn:
    """Say why the start failed; `code` is one of `spark_lsp.codes`, which this process does not import."""
    _say(report, {"event": "failed", "code": code, "reason": reason})
    os._exit(1)


def _wait_for_the_end() -> None:
    done = threading.Event()

    def watch() -> None:
        try:
            while os.read(0, 1024):
                pass
        finally:  # a stdin that cannot be read is as good as closed
            done.set()

    threading.Thread(target=watch, daemon=True).start()
    done.wait()


if __name__ == "__main__":
    main()
