"""Logs: one JSON line for one action, with one word of a closed list, and nothing personal in it.

Everything that logs through the standard library comes out the same way. A module of ours says its word with
`extra={"action": "…"}`; lines of other libraries get the word `library`. On a terminal, lines are for eyes.
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Final, TextIO

import structlog

from provisioning import correlation

ACTIONS: Final[Mapping[str, str]] = {
    "aws": "A directory or service of AWS was asked; the line has its word for what came of it.",
    "bell": "A worker could not be woken through SQS; the clock does it, a minute later at most.",
    "called": "Messages woke the worker; `by` has the correlations of the chat requests that rang.",
    "dead-letters": "What SQS gave up cannot be seen or taken back; the line has the error's code.",
    "defect": "Something happened that the bot has no word for; the line has the traceback.",
    "event-differs": "BOT_EVENT_FILE differs from the event in the store, which stays as it is.",
    "event-made": "The event of BOT_EVENT_FILE did not exist yet and was made.",
    "graph": "Microsoft Graph answered a request, or did not; the request id is what Microsoft asks for.",
    "foreign-workspace": "A signed Slack request came from a workspace that is not admitted; it was refused.",
    "keys": "Bot Connector's signing keys could not be loaded; those that are known are used on.",
    "late-answer": "A chat answer took longer than the platform waits; the person is answered afterwards.",
    "library": "A library of the bot's logged something by itself.",
    "listening": "The server takes requests at this address.",
    "malformed": "A chat request could not be read; it was refused.",
    "push": "Entra was asked to push a person into the identity store ahead of the regular cycle.",
    "racing-site": "The API of a racing site was asked; the line has the status of its answer.",
    "reply": "An answer did not get to where it was asked for; the result comes as a message of its own.",
    "revoked": "The Slack app was removed from the workspace, or its token revoked: install it again.",
    "slack": "Slack refused or throttled a call of its Web API, or did not answer.",
    "slack-crawl": "Reading the workspace's people page by page ended early; the rest are read one by one.",
    "stopped": "The process has finished what it had begun, and ends.",
    "stopping": "The process was asked to stop: it takes nothing new and finishes what it has begun.",
    "store-contended": "Others changed the same items of the table twenty times in a row; it is tried again.",
    "store-plan": "Of many items changed together some wait for whoever reads them next.",
    "store-refused": "DynamoDB refused a call with a word of its own: a permission is missing, or the table.",
    "store-unavailable": "The store did not take or give a row in time; it is tried again.",
    "teams": "Bot Connector refused or throttled a call, or did not answer; or a conversation is dead.",
    "token": "Entra gave no token; the line has its error and its AADSTS codes.",
    "turned-away": "A Teams request was not from Bot Connector, or not for this bot; it was refused.",
    "unreadable": "A message on the SQS queue is none of ours: it ends as a dead letter; no work is lost.",
    "unsigned": "A request to the Slack door had no good signature, or an old one; it was refused.",
    "watch": "The races of a racing site could not be read; it is tried again every few seconds.",
    "worker-dead": "The worker's thread ended by itself: the process is not ready any more, restart it.",
    "working": "The worker has started, without a server.",
}

_TOKENS = re.compile(
    r"\b(?:xoxe\.)?xox[a-z]-[\w-]+"  # Slack's tokens
    r"|\bxapp-[\w-]+"
    r"|(?<=\bBearer )[^\s\"',;]+"
    r"|\beyJ(?:(?!-eyJ)[\w-])+\.[\w-]+\.[\w-]*"  # JSON web tokens
    r"|(?<=client_secret=)[^\s&\"']+|(?<=client_assertion=)[^\s&\"']+"
    r"|(?<=hooks\.slack\.com/)\w+/[^\s\"'>]+",  # whoever has a response URL can post
    re.IGNORECASE,
)
_AT_A_DOMAIN = re.compile(
    r"(?:@|%40)"
    r"(?!thread\.(?:tacv2|skype|v2)(?!\.?[\w-]))"  # a channel or a group chat of Teams, 19:…@thread.tacv2
    r"(?:[\w-]+\.)+[\w-]{2,}",
    re.IGNORECASE,
)
_ENDS_A_NAME = re.compile(r"[\s@<>()\[\]{}\"'`,;:=/\\|]")
_APOSTROPHES = ("'", "''")  # part of a name between letters; two in a filter of Graph's
MOST_NAMED: Final = 100  # requests in one line; a write to a directory is never made for so many
_TALKATIVE: Final = ("aiohttp", "asyncio", "httpx", "msal")
_TELLTALE: Final = ("boto3", "botocore", "slack_bolt", "slack_sdk")  # at DEBUG they quote whole bodies
_OURS: Final = ("adapters.", "bot.", "provisioning.")


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send everything that logs to this stream (stderr) in one form; repeating it replaces the earlier."""
    stream = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _correlate,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        _name_the_action,
        redact,
    ]
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(event_key="action", timestamp_key="at")
        if stream.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _TALKATIVE:
        # At INFO they tell of every credential found and every request; at DEBUG somebody wants to know.
        logging.getLogger(name).setLevel(logging.NOTSET if level == "DEBUG" else logging.WARNING)
    for name in _TELLTALE:  # a password set, the keys of a session: no form of theirs tells them from words
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def invoked(invocation: str) -> Iterator[None]:
    """Put the id of this invocation of a function into every line logged within."""
    with structlog.contextvars.bound_contextvars(invocation=invocation):
        yield


def redact(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take tokens and e-mail addresses out of a line, whoever logged it and however deep they stand."""
    return {clean(name): _cleaned(value) for name, value in line.items()}


def clean(text: str) -> str:
    """Return the text without tokens and e-mail addresses."""
    return _without_mail(_TOKENS.sub("[secret]", text))


def _without_mail(text: str) -> str:
    """Take addresses out, each found from its @ backwards.

    Whoever sends nonsense has a line logged as long as they like: to search it from each letter on would take
    seconds, in which nobody is answered.
    """
    kept: list[str] = []
    done = 0
    for found in _AT_A_DOMAIN.finditer(text):
        begin = _begin_of_name(text, done, found.start())
        if begin < found.start():
            kept += (text[done:begin], "[e-mail]")
            done = found.end()
    return "".join((*kept, text[done:]))


def _begin_of_name(text: str, least: int, end: int) -> int:
    """Return where the name begins that ends here, `least` at the earliest."""
    begin = end
    while begin > least:
        if not _ENDS_A_NAME.match(text, begin - 1):
            begin -= 1
            continue
        within = next((one for one in _APOSTROPHES if _is_between_letters(text, one, least, begin)), "")
        if not within:
            break
        begin -= len(within)
    return begin


def _is_between_letters(text: str, apostrophe: str, least: int, end: int) -> bool:
    """Whether this apostrophe ends here, with a letter of the same name on either side."""
    before = end - len(apostrophe) - 1
    return (
        before >= least and text.startswith(apostrophe, before + 1) and _are_letters(text[before], text[end])
    )


def _are_letters(*signs: str) -> bool:
    return all(sign.isalnum() or sign == "_" for sign in signs)


def _cleaned(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | logging.LogRecord):
        return value
    if isinstance(value, Mapping):
        return {clean(str(name)): _cleaned(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(part) for part in value]
    return clean(str(value))


def _correlate(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say for which chat requests this was done: their ids in one text, however many of them there are."""
    found = correlation.requests()
    if found:
        line["correlation"] = " ".join(found[:MOST_NAMED])
    if len(found) > MOST_NAMED:
        line["correlations"] = len(found)
    return line


def _name_the_action(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the action first; the words of the message follow as `text`."""
    text = str(line.pop("event", ""))
    record = line.get("_record")
    logger = record.name if isinstance(record, logging.LogRecord) else ""
    named = line.pop("action", None)
    start: dict[str, Any] = {"at": line.pop("at", None), "level": line.pop("level", None)}
    start["action"] = named or ("defect" if logger.startswith(_OURS) and "exception" in line else "library")
    if text and text != named:
        start["text"] = text
    if named is None and logger:
        start["logger"] = logger
    return {**start, **line}
