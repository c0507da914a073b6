"""Makes the body of a `/completion` call from a request, and the reader of its text. No I/O."""

from dataclasses import dataclass, replace
from typing import Any

from spark_lsp.engine.local.slots import SCRATCH, Plan, Slots
from spark_lsp.prompts import fim, rewrite
from spark_lsp.prompts.context_files import list_context_files
from spark_lsp.prompts.fill_in import FillIn, HoleFilter, build_fill_in
from spark_lsp.prompts.grammar import make_grammar
from spark_lsp.request import EditFormat, PartKind, Request, Task

_LINE_TOKENS = 48
_BLOCK_TOKENS = 120
_CHARS_PER_TOKEN = 3  # of the context beside the document; a low estimate
_GREEDY = {"samplers": ["top_k"], "top_k": 1, "cache_prompt": True, "stream": True, "return_progress": True}
# The final event would otherwise repeat the whole prompt.
_FIELDS = ["content", "stop", "stop_type", "tokens_evaluated", "timings", "completion_probabilities"]


@dataclass(frozen=True, slots=True)
class Job:
    """One call of `/completion`. `plan` is there for completions only; `eol` is the document's.

    `is_end_wrong` says that an answer without text would be wrong; see `insist`.
    """

    body: dict[str, Any]
    reply: fim.FimAnswerFilter | HoleFilter
    format: EditFormat
    prompt: str
    plan: Plan | None = None
    eol: str = "\n"
    is_end_wrong: bool = False

    @property
    def healed(self) -> int:
        """The number of characters at the beginning of the answer that the user has typed already."""
        return len(self.plan.fragment) if self.plan else 0

    def insist(self) -> "Job":
        """Return the job that asks again, and does not let the model end its answer; it has read the prompt.

        Measured on whole lines of real packages: the 0.5B model ends one answer in six at once.
        """
        body = {**self.body, "ignore_eos": True}
        return replace(self, body=body, reply=self.reply.make_another(), is_end_wrong=False)


def job_of(request: Request, slots: Slots) -> Job:
    """Return the call that answers `request`, given what the model has read so far."""
    return _completion(request, slots) if request.task is Task.COMPLETE else _chat(request, slots)


def _completion(request: Request, slots: Slots) -> Job:
    prefix = request.text_of(PartKind.PREFIX)
    suffix = request.text_of(PartKind.SUFFIX)
    eol = "\r\n" if "\r\n" in prefix or "\r\n" in suffix else "\n"
    slots.set_files(list_context_files(request, slots.beside_tokens * _CHARS_PER_TOKEN))
    # A second answer that must begin otherwise is another one, so the model need not read the text again.
    is_usual = request.attempt == 1 or bool(request.starts or request.avoided)
    plan = slots.plan(prefix, suffix) if is_usual else slots.plan_again(prefix, suffix)
    # Without any limit, one line. A limit of tokens alone does not limit the lines.
    lines = request.max_lines or (0 if request.max_tokens else 1)
    opens = fim.may_start_with_newline(prefix)
    line = prefix[max(prefix.rfind("\n"), prefix.rfind("\r")) + 1 :]
    begins = not line.strip()
    stop = [*fim.TEMPLATES.get(slots.family, fim.PLAIN).stop, *request.stop]
    if lines == 1 and not opens and not begins:
        stop.append("\n")
    tokens = _LINE_TOKENS * lines + (_BLOCK_TOKENS if begins else 0)
    body = _body(plan.slot, plan.prompt, stop, request.max_tokens or tokens)
    is_free = not (request.starts or request.avoided)  # the model would not have chosen such a beginning
    if request.scored and is_free:
        body["n_probs"] = 1
    if grammar := make_grammar(plan.fragment, request.starts, request.avoided):
        body["grammar"] = grammar
    below = next((each for each in suffix.splitlines()[1:] if each.strip()), "")
    return Job(
        body,
        fim.FimAnswerFilter(plan.fragment, lines, opens, line if begins else None, below),
        EditFormat.TEXT,
        plan.prompt,
        plan,
        eol,
        # Without a limit of lines, only its own end stops the model.
        fim.expects_text(prefix, suffix) and not request.warm and lines > 0,
    )


def reading_of(plan: Plan) -> dict[str, Any]:
    """Return the body of a call that only reads the plan's prompt into its slot."""
    return _body(plan.slot, plan.prompt, [], 0)


def _chat(request: Request, slots: Slots) -> Job:
    """Return the call for an edit or a chat: a fill-in where that is better, else the question in words."""
    slots.forget(SCRATCH)
    fill_in = build_fill_in(request, slots.family)
    if fill_in is not None:
        return _fill(request, fill_in)
    prompt = rewrite.build_chatml_prompt(request)
    tokens = 0 if request.warm else request.max_tokens or prompt.max_tokens
    body = _body(SCRATCH, prompt.text, list(prompt.stop), tokens)
    return Job(body, fim.FimAnswerFilter(lines=0), prompt.format, prompt.text)


def _fill(request: Request, fill_in: FillIn) -> Job:
    tokens = 0 if request.warm else request.max_tokens or fill_in.max_tokens
    body = _body(SCRATCH, fill_in.prompt, list(fill_in.stop), tokens)
    return Job(body, fill_in.answer, EditFormat.FILLED, fill_in.prompt)


def _body(slot: int, prompt: str, stop: list[str], tokens: int) -> dict[str, Any]:
    return {
        **_GREEDY,
        "prompt": prompt,
        "id_slot": slot,
        "stop": stop,
        "n_predict": tokens,
        "response_fields": _FIELDS,
    }
