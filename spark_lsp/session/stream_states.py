"""The states of a streamed suggestion.

The states:

    STARTING    the request to the engine is being built
    GROWING     text arrives; no request is answered with it yet
    ANSWERING   the text so far answers requests; more may arrive
    DONE        the text is complete, or there is a reason for its absence
    DROPPED     contradicted, unused or replaced; it answers nothing any more

The events, which `life_cycle` processes, and their effects:

    state         event                                         next        effects
    ------------  --------------------------------------------  ----------  -----------------------------
    none          a request arrives, and its delay is over      STARTING    StartStream
    STARTING      the caller begins it                          GROWING
    STARTING      the caller refuses it, or cannot begin it     DROPPED     StopStream, AnswerReplaced or
                                                                            AnswerFailed
    GROWING       a draft arrives before any text               ANSWERING   ShowText, answers
    GROWING       text arrives                                  the same    ShowText
    GROWING       there has been enough text for long enough    ANSWERING   answers
    ANSWERING     text arrives                                  the same    ShowText, answers
    GROWING or    the first attempt is lost before its first    the same    RepeatRequest
    ANSWERING     complete line
    GROWING or    the first answer is complete and of no use    the same    AskAgain
    ANSWERING
    GROWING or    the engine has finished, further text would   DONE        ShowText, StopStreamAt,
    ANSWERING     be cut, or the gate ends the text                         answers
    GROWING or    the engine has failed                         DONE        ReportFailure, ShowText,
    ANSWERING                                                               StopStreamAt, answers
    any but       the user refuses its text                     DONE        ShowText, StopStreamAt,
    STARTING                                                                answers
    any of these  a change or a request contradicts it          DROPPED     StopStream, AnswerReplaced
    any of these  no request used it for `LINGER_SECONDS`       DROPPED     StopStream
    any of these  its work was cancelled, or has crashed        DROPPED     StopStream, AnswerFailed
    any of these  the document is closed                        DROPPED     StopStream, AnswerReplaced
"""

from enum import Enum, auto


class StreamState(Enum):
    """The state of a stream; see the module docstring."""

    STARTING = auto()
    GROWING = auto()
    ANSWERING = auto()
    DONE = auto()
    DROPPED = auto()


class StreamStep(Enum):
    """A change of a stream's state."""

    BEGIN = auto()  # the request goes to the engine
    ANSWER = auto()  # there is enough text for an answer
    REPEAT = auto()  # the same request goes to the engine again
    CONCLUDE = auto()  # the answer is complete, or has failed
    DROP = auto()


TABLE: dict[tuple[StreamState, StreamStep], StreamState] = {
    (StreamState.STARTING, StreamStep.BEGIN): StreamState.GROWING,
    (StreamState.GROWING, StreamStep.ANSWER): StreamState.ANSWERING,
    (StreamState.GROWING, StreamStep.REPEAT): StreamState.GROWING,
    (StreamState.ANSWERING, StreamStep.REPEAT): StreamState.ANSWERING,
    (StreamState.GROWING, StreamStep.CONCLUDE): StreamState.DONE,
    (StreamState.ANSWERING, StreamStep.CONCLUDE): StreamState.DONE,
    (StreamState.STARTING, StreamStep.DROP): StreamState.DROPPED,
    (StreamState.GROWING, StreamStep.DROP): StreamState.DROPPED,
    (StreamState.ANSWERING, StreamStep.DROP): StreamState.DROPPED,
    (StreamState.DONE, StreamStep.DROP): StreamState.DROPPED,
}
