"""The effects of a suggestion's life cycle: what its caller must do, in the order of the returned list."""

from dataclasses import dataclass

from spark_lsp.codes import Reason
from spark_lsp.errors import EngineError
from spark_lsp.session.suggestion_stream import CursorRequest, SuggestionStream
from spark_lsp.session.suggestions import Suggestion


@dataclass(frozen=True, slots=True)
class StartStream:
    """Build the request of a stream and send it to an engine; then call `begin` or `refuse`."""

    stream: SuggestionStream


@dataclass(frozen=True, slots=True)
class StartAhead:
    """Send the request of a stream for a text that the user may accept; then call `begin` or `refuse`.

    It has the lowest priority: no other request may wait for it.
    """

    stream: SuggestionStream


@dataclass(frozen=True, slots=True)
class AdoptStream:
    """Use a stream, which was started ahead or is a recent answer, as the live one.

    A user waits for it from now on.
    """

    stream: SuggestionStream


@dataclass(frozen=True, slots=True)
class RepeatRequest:
    """Send the request of a stream again."""

    stream: SuggestionStream


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Send the request of a stream as a second attempt: the first answer was of no use."""

    stream: SuggestionStream


@dataclass(frozen=True, slots=True)
class StopStream:
    """Stop the engine's work, remove the stream's incomplete text from the screen, and forget the stream."""

    stream: SuggestionStream


@dataclass(frozen=True, slots=True)
class StopStreamAt:
    """Stop the engine's work at the time `at`, if it is still under way: the text is complete."""

    stream: SuggestionStream
    at: float


@dataclass(frozen=True, slots=True)
class ShowText:
    """Show the text of a stream so far, as a partial result."""

    stream: SuggestionStream
    suggestion: Suggestion


@dataclass(frozen=True, slots=True)
class ReportFailure:
    """Report an engine's error to the user."""

    error: EngineError


@dataclass(frozen=True, slots=True)
class AnswerText:
    """Answer a request with a suggestion."""

    request: CursorRequest
    suggestion: Suggestion


@dataclass(frozen=True, slots=True)
class AnswerNothing:
    """Answer a request without a suggestion, and explain the reason to the user."""

    request: CursorRequest
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class AnswerReplaced:
    """Answer a request with "content modified": a newer request or change has replaced it."""

    request: CursorRequest


@dataclass(frozen=True, slots=True)
class AnswerFailed:
    """Answer a request with an error."""

    request: CursorRequest
    error: Exception


Answer = AnswerText | AnswerNothing | AnswerReplaced | AnswerFailed
Effect = (
    StartStream
    | StartAhead
    | AdoptStream
    | RepeatRequest
    | AskAgain
    | StopStream
    | StopStreamAt
    | ShowText
    | ReportFailure
    | Answer
)
