"""Stable codes for programs: one closed list for statuses, errors, edits and missing suggestions.

A program that has to act on a text for the user reads the code beside it. Any release may reword a text; a
code keeps its spelling and its meaning. New codes may be added, so a program
treats a code that it does not know as it treats the state or the error beside it.

Codes are written in snake case, as the error codes of the Responses API are, which come through the
gateway unchanged. docs/reference/reasons.md has the whole list. Pure.
"""

from enum import StrEnum
from typing import Literal, TypeVar


class Code(StrEnum):
    """Every code that spark-lsp sends; `MEANINGS` says what each of them means."""

    # The state of the engine, where nothing more is known.
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    DEGRADED = "degraded"
    OFF = "off"

    # Why there is no suggestion.
    COMPLETIONS_DISABLED = "completions_disabled"
    DISABLED_FOR_FILE = "disabled_for_file"
    EXCLUDED_BY_SETTINGS = "excluded_by_settings"
    EXCLUDED_BY_PROJECT = "excluded_by_project"
    SECRET_FILE = "secret_file"
    GIT_IGNORED = "git_ignored"
    NOT_A_FILE = "not_a_file"
    GIT_UNDECIDED = "git_undecided"
    DOCUMENT_UNUSABLE = "document_unusable"
    NOTHING_TO_ADD = "nothing_to_add"
    DISMISSED = "dismissed"
    LOW_CONFIDENCE = "low_confidence"
    SECRET_IN_ANSWER = "secret_in_answer"
    NO_ANSWER = "no_answer"
    SUPERSEDED = "superseded"

    # The connection to the gateway.
    GATEWAY_STARTING = "gateway_starting"
    GATEWAY_SILENT = "gateway_silent"
    GATEWAY_FULL = "gateway_full"
    GATEWAY_UNAVAILABLE = "gateway_unavailable"
    CONNECTION_LOST = "connection_lost"
    ENGINE_SIDE_DOWN = "engine_side_down"
    APPROVAL_MISSING = "approval_missing"
    NO_ENGINE = "no_engine"

    # Engines.
    ENGINE_BUSY = "engine_busy"
    ENGINE_FAILED = "engine_failed"
    ENGINE_LOADING = "engine_loading"
    ENGINE_ONLY_THOUGHT = "engine_only_thought"
    ENGINE_REPLACED = "engine_replaced"
    ENGINE_SILENT = "engine_silent"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    ANSWER_BROKE_OFF = "answer_broke_off"
    CONTENT_FILTER = "content_filter"
    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_NOT_LOADED = "model_not_loaded"
    MODEL_UNAVAILABLE = "model_unavailable"
    PACKAGE_MISSING = "package_missing"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    BUDGET_USED_UP = "budget_used_up"
    BUDGET_LOW = "budget_low"
    BUDGET_UNKNOWN = "budget_unknown"
    PRICE_MISSING = "price_missing"

    # Why a route gave a request to an engine.
    ROUTE_PREFERRED = "route_preferred"
    ROUTE_LONG = "route_long"
    ROUTE_CHEAPEST = "route_cheapest"
    ROUTE_SPILLED = "route_spilled"
    ROUTE_SKIPPED = "route_skipped"
    ROUTE_LAST_RESORT = "route_last_resort"
    ROUTE_FAILED_OVER = "route_failed_over"
    ROUTE_HEDGED = "route_hedged"

    # Edits and explanations.
    APPLIED = "applied"
    COMPLETE = "complete"
    CANCELLED_BY_USER = "cancelled_by_user"
    SERVER_STOPPED = "server_stopped"
    EDIT_NOT_READY = "edit_not_ready"
    EDIT_REFUSED = "edit_refused"
    ACTION_NOT_OFFERED = "action_not_offered"
    ANSWER_CUT = "answer_cut"
    ANSWER_UNREADABLE = "answer_unreadable"
    DOCSTRING_EXISTS = "docstring_exists"
    EDITOR_REFUSED = "editor_refused"
    EDITOR_SILENT = "editor_silent"
    INSTRUCTION_MISSING = "instruction_missing"
    NO_CHANGE = "no_change"
    NO_DEFINITION = "no_definition"
    NO_EARLIER_EDIT = "no_earlier_edit"
    NO_SUCH_JOB = "no_such_job"
    PROPOSAL_REJECTED = "proposal_rejected"
    PROPOSAL_CHANGES_CODE = "proposal_changes_code"
    PROPOSAL_CHANGES_INTERFACE = "proposal_changes_interface"
    PROPOSAL_DISGUISED = "proposal_disguised"
    PROPOSAL_DOES_NOT_PARSE = "proposal_does_not_parse"
    PROPOSAL_DUPLICATE = "proposal_duplicate"
    PROPOSAL_OFF_REQUEST = "proposal_off_request"
    PROPOSAL_OUTSIDE = "proposal_outside"
    PROPOSAL_REMOVES_CODE = "proposal_removes_code"
    PROPOSAL_TOO_LARGE = "proposal_too_large"
    PROPOSAL_UNDEFINED_NAME = "proposal_undefined_name"
    PROPOSAL_UNREACHABLE_CODE = "proposal_unreachable_code"
    PROPOSAL_UNUSED_NAME = "proposal_unused_name"
    REFACTORING_UNSAFE = "refactoring_unsafe"
    RENAME_UNSAFE = "rename_unsafe"
    SECRET_TOUCHED = "secret_touched"
    TEXT_CHANGED = "text_changed"

    # Arguments, settings and commands.
    CONFIG_ERROR = "config_error"
    INVALID_ARGUMENT = "invalid_argument"
    TEXT_ERROR = "text_error"
    TIMED_OUT = "timed_out"
    INTERNAL_ERROR = "internal_error"
    ERROR = "error"

    # The wire between server and gateway, and the gateway's HTTP interface.
    PROTOCOL_ERROR = "protocol_error"
    DOCUMENT_UNKNOWN = "document_unknown"
    FORBIDDEN_ORIGIN = "forbidden_origin"
    INVALID_API_KEY = "invalid_api_key"
    INVALID_INPUT = "invalid_input"
    INVALID_JSON = "invalid_json"
    INVALID_MESSAGE = "invalid_message"
    INVALID_REQUEST = "invalid_request_error"
    INVALID_STREAM_ID = "invalid_stream_id"
    CONNECTION_LIMIT = "websocket_connection_limit_reached"
    STREAM_LIMIT = "websocket_stream_limit_reached"
    PREVIOUS_RESPONSE_NOT_FOUND = "previous_response_not_found"
    REQUEST_TOO_LARGE = "request_too_large"
    RESPONSE_COMPLETED = "response_already_completed"
    RESPONSE_NOT_ACTIVE = "response_not_active"
    RESPONSE_NOT_FOUND = "response_not_found"
    STEERING_NOT_SUPPORTED = "steering_not_supported"
    TOO_MANY_ERRORS = "too_many_errors"
    UNSUPPORTED_CONTENT = "unsupported_content"
    UNSUPPORTED_PARAMETER = "unsupported_parameter"


Reason = Literal[
    Code.COMPLETIONS_DISABLED,
    Code.DISABLED_FOR_FILE,
    Code.EXCLUDED_BY_SETTINGS,
    Code.EXCLUDED_BY_PROJECT,
    Code.SECRET_FILE,
    Code.GIT_IGNORED,
    Code.NOT_A_FILE,
    Code.GIT_UNDECIDED,
    Code.DOCUMENT_UNUSABLE,
    Code.NOTHING_TO_ADD,
    Code.DISMISSED,
    Code.LOW_CONFIDENCE,
    Code.SECRET_IN_ANSWER,
    Code.NO_ANSWER,
    Code.BUDGET_USED_UP,
    Code.SUPERSEDED,
]
"""Why there is no suggestion; `session.reasons` has the text and the remedy of each."""


T = TypeVar("T")


def to_known_code(code: object, otherwise: T) -> Code | T:
    """Return a code that came from another program, or `otherwise` for one that is not on the list."""
    try:
        return Code(code)
    except ValueError:
        return otherwise


MEANINGS: dict[Code, str] = {
    Code.STARTING: "the engine's side is being started",
    Code.READY: "an engine is ready to answer",
    Code.BUSY: "an answer is on its way",
    Code.DEGRADED: "the gateway or the engine does not answer as it should",
    Code.OFF: "no engine can answer",
    Code.COMPLETIONS_DISABLED: "the setting `completion.enabled` is off",
    Code.DISABLED_FOR_FILE: "`completion.disabledGlobs` names the file",
    Code.EXCLUDED_BY_SETTINGS: "`context.exclude` names the file",
    Code.EXCLUDED_BY_PROJECT: "the project's .spark.toml excludes the file, or switches this off",
    Code.SECRET_FILE: "files of this name hold secrets",
    Code.GIT_IGNORED: "git ignores the file",
    Code.NOT_A_FILE: "the document is not a file, or its kind is unknown",
    Code.GIT_UNDECIDED: "git has not answered yet whether it ignores the file",
    Code.DOCUMENT_UNUSABLE: "the document is closed, too large, or out of step with the editor",
    Code.NOTHING_TO_ADD: "the model's answer adds nothing here",
    Code.DISMISSED: "the user refused or ignored the same text at this place before",
    Code.LOW_CONFIDENCE: "the engine's confidence is below `completion.threshold`",
    Code.SECRET_IN_ANSWER: "the answer contains a redacted secret",
    Code.NO_ANSWER: "the engine failed; the status or the detail says how",
    Code.SUPERSEDED: "a newer request or a change took its place",
    Code.GATEWAY_STARTING: "the gateway is being started",
    Code.GATEWAY_SILENT: "the gateway has not answered yet; spark-lsp goes on trying",
    Code.GATEWAY_FULL: "the gateway has as many connections as it can serve; spark-lsp goes on trying",
    Code.GATEWAY_UNAVAILABLE: "the gateway cannot be found, started or reached",
    Code.CONNECTION_LOST: "the connection to the gateway was lost; it is made again",
    Code.ENGINE_SIDE_DOWN: "the part of the server that talks to the gateway is being started",
    Code.APPROVAL_MISSING: "an address in the editor's settings waits for the user's approval",
    Code.NO_ENGINE: "the gateway has no engine",
    Code.ENGINE_BUSY: "all lanes of the connection are in use",
    Code.ENGINE_FAILED: "the engine failed",
    Code.ENGINE_LOADING: "the engine's server is loading its model",
    Code.ENGINE_ONLY_THOUGHT: "the answer contains nothing but the model's thinking",
    Code.ENGINE_REPLACED: "an engine is failing; the next engine of the route answers instead",
    Code.ENGINE_SILENT: "the engine did not answer in time",
    Code.ENGINE_UNAVAILABLE: "the engine cannot be reached or used",
    Code.ANSWER_BROKE_OFF: "the answer ended in its middle",
    Code.CONTENT_FILTER: "the provider's content filter ended the answer",
    Code.CONTEXT_LENGTH_EXCEEDED: "the text is longer than the model can read",
    Code.MODEL_NOT_FOUND: "no engine has a model of that name",
    Code.MODEL_NOT_LOADED: "the embedded model is loaded when it is first needed",
    Code.MODEL_UNAVAILABLE: "model weights are missing or damaged, or cannot be fetched",
    Code.PACKAGE_MISSING: "a Python package that the engine needs is not installed",
    Code.RATE_LIMIT_EXCEEDED: "too many requests",
    Code.BUDGET_USED_UP: "a hard limit of today's budget is reached, or the request does not fit under it",
    Code.BUDGET_LOW: "a soft limit of today's budget is reached, and no user waits for the request",
    Code.BUDGET_UNKNOWN: "the file with the budgets cannot be used, so engines with a limit get no request",
    Code.PRICE_MISSING: "a limit of money is set, and the engine's price is unknown or in another currency",
    Code.ROUTE_PREFERRED: "the first engine of the route answers",
    Code.ROUTE_LONG: "the request is longer than `long_tokens`; an engine of `long` answers",
    Code.ROUTE_CHEAPEST: "the cheapest engine of the route answers",
    Code.ROUTE_SPILLED: "a preferred engine has `max_queue` requests in progress; another one answers",
    Code.ROUTE_SKIPPED: "a preferred engine is off, failing, loading or too small; another one answers",
    Code.ROUTE_LAST_RESORT: "no engine of the route is available; one gets the request all the same",
    Code.ROUTE_FAILED_OVER: "an engine failed before its first text; the next one answers",
    Code.ROUTE_HEDGED: "an engine was slow, so the next one got the request too, and was first",
    Code.APPLIED: "the editor has applied the edit",
    Code.COMPLETE: "the explanation is complete",
    Code.CANCELLED_BY_USER: "the user stopped it",
    Code.SERVER_STOPPED: "the server or its engine side ended first",
    Code.EDIT_NOT_READY: "the edit in preview is not complete, so that it cannot be accepted yet",
    Code.EDIT_REFUSED: "the edit was refused for another cause; the text says why",
    Code.ACTION_NOT_OFFERED: "the server does not offer this action for these lines",
    Code.ANSWER_CUT: "the answer reached its bound before it was complete",
    Code.ANSWER_UNREADABLE: "the answer holds no code, or its code fences are ambiguous",
    Code.DOCSTRING_EXISTS: "the definition has a docstring already",
    Code.EDITOR_REFUSED: "the editor did not apply the edit",
    Code.EDITOR_SILENT: "the editor did not say in time whether it applied the edit",
    Code.INSTRUCTION_MISSING: "the action needs an instruction",
    Code.NO_CHANGE: "the model proposed no change",
    Code.NO_DEFINITION: "there is no definition at this place",
    Code.NO_EARLIER_EDIT: "spark-lsp has made no edit here that it could continue or undo",
    Code.NO_SUCH_JOB: "no edit or explanation of that id is under way",
    Code.PROPOSAL_REJECTED: "the proposal failed a check that has no code of its own",
    Code.PROPOSAL_CHANGES_CODE: "the proposal changes code that this action must keep",
    Code.PROPOSAL_CHANGES_INTERFACE: "the proposal changes a signature, or drops a result or a parameter",
    Code.PROPOSAL_DISGUISED: "the proposal holds invisible characters that disguise code",
    Code.PROPOSAL_DOES_NOT_PARSE: "the text would no longer parse with the proposal",
    Code.PROPOSAL_DUPLICATE: "the proposal defines a name twice, or repeats lines that are there",
    Code.PROPOSAL_OFF_REQUEST: "the proposal lacks what the action is for, such as a test",
    Code.PROPOSAL_OUTSIDE: "the proposal changes text outside of the part that may change",
    Code.PROPOSAL_REMOVES_CODE: "the proposal leaves code out that the request does not name",
    Code.PROPOSAL_TOO_LARGE: "the proposal is many times as long as the code, or repeats one line",
    Code.PROPOSAL_UNDEFINED_NAME: "the proposal uses a name or an attribute that does not exist",
    Code.PROPOSAL_UNREACHABLE_CODE: "code below a statement of the proposal can never run",
    Code.PROPOSAL_UNUSED_NAME: "the proposal defines a local name that nothing uses",
    Code.REFACTORING_UNSAFE: "the refactoring is impossible here, or could change the results of the code",
    Code.RENAME_UNSAFE: "the rename could change what the code means",
    Code.SECRET_TOUCHED: "the proposal would change a secret that the model was not shown",
    Code.TEXT_CHANGED: "the text has changed since, in the same place or to another version",
    Code.CONFIG_ERROR: "a setting, a file of settings or a command line cannot be used",
    Code.INVALID_ARGUMENT: "an argument of a command cannot be used",
    Code.TEXT_ERROR: "a position, a range or a version does not fit the document",
    Code.TIMED_OUT: "a command waited as long as it was allowed to",
    Code.INTERNAL_ERROR: "spark-lsp itself failed; please report it",
    Code.ERROR: "a command failed for another cause; the text says why",
    Code.PROTOCOL_ERROR: "a rule of the wire was broken",
    Code.DOCUMENT_UNKNOWN: "the gateway does not mirror the cited version of the document",
    Code.FORBIDDEN_ORIGIN: "the request came from a page in a browser",
    Code.INVALID_API_KEY: "the token is wrong or missing",
    Code.INVALID_INPUT: "the input of a steer is not a list of user messages",
    Code.INVALID_JSON: "the body is not a JSON object",
    Code.INVALID_MESSAGE: "a message is not a JSON object in text",
    Code.INVALID_REQUEST: "a field of the request cannot be used",
    Code.INVALID_STREAM_ID: "the name of a lane is too long or holds other characters",
    Code.CONNECTION_LIMIT: "the connection has reached its lifetime",
    Code.STREAM_LIMIT: "the connection has too many lanes",
    Code.PREVIOUS_RESPONSE_NOT_FOUND: "the response to continue is not on this connection",
    Code.REQUEST_TOO_LARGE: "the body is larger than the gateway accepts",
    Code.RESPONSE_COMPLETED: "the response to steer has ended",
    Code.RESPONSE_NOT_ACTIVE: "the response to steer has not begun",
    Code.RESPONSE_NOT_FOUND: "the response to steer is not on this connection",
    Code.STEERING_NOT_SUPPORTED: "a completion cannot be steered",
    Code.TOO_MANY_ERRORS: "too many messages in a row could not be served",
    Code.UNSUPPORTED_CONTENT: "the engines read text only",
    Code.UNSUPPORTED_PARAMETER: "the gateway does not offer what the request asks for",
}
"""What each code means, for the documentation."""
