"""The form for a list: a modal with a field to paste into and, with the scope for it, one for a file. Pure.

    pressed button ─▶ view ─▶ views.open, within three seconds of the press
    sent form      ─▶ filled: what was pasted, and the id of the file; it is read later, by the worker

What is to be said with the list, and where the button was pressed, is kept in the view itself.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from adapters.chat.text import language_tag
from provisioning.ids import ChatIdentity
from provisioning.instructions import Given
from provisioning.requests import ReplyTo

LIST: Final = "list"  # the form's callback id
FILES: Final = "files:read"  # the optional scope without which a form cannot take a file
_TEXT, _FILE = "text", "file"  # the fields, each in a block of its own name
_FILE_ID: Final = re.compile(r"F[A-Z0-9]{2,20}")
_TYPED: Final = 3000  # characters; Slack's own limit

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FormWords:
    """What stands in the form; the wording is the bot's. Title and buttons have 24 characters at most."""

    title: str
    send: str
    cancel: str
    list: str
    list_hint: str
    file: str
    nothing: str  # said beside the field when the form is sent empty
    failed: str  # and when it cannot be taken


def view(said: FormWords, words: str, reply: ReplyTo, *, takes_files: bool) -> View:
    """Return the form. Both fields may stay empty: whichever is filled counts."""
    typed = {
        "type": "plain_text_input",
        "action_id": _TEXT,
        "multiline": True,
        "max_length": _TYPED,
        "placeholder": _plain(said.list_hint),
    }
    fields = [_field(_TEXT, said.list, typed)]
    if takes_files:
        chosen = {"type": "file_input", "action_id": _FILE, "filetypes": ["csv", "txt"], "max_files": 1}
        fields.append(_field(_FILE, said.file, chosen))
    return {
        "type": "modal",
        "callback_id": LIST,
        "title": _plain(said.title),
        "submit": _plain(said.send),
        "close": _plain(said.cancel),
        "private_metadata": _packed(words, reply),
        "blocks": fields,
    }


def kept(metadata: str, chat: ChatIdentity) -> tuple[str, ReplyTo]:
    """Return the words that the form was opened for, and how to answer this person where they asked."""
    found = json.loads(metadata)
    words, handle, locale = str(found["words"]), found.get("handle"), language_tag(found.get("locale"))
    if handle is None:
        return words, ReplyTo(chat, locale=locale)
    until = datetime.fromtimestamp(int(found["until"]), UTC)
    return words, ReplyTo(chat, str(handle), until, int(found["posts"]), locale)


def filled(sent: Mapping[str, Any]) -> Given | None:
    """Return the list in a form that was sent, None when there is none."""
    state = sent.get("state")
    values = state.get("values") if isinstance(state, dict) else None
    typed = _value(values, _TEXT).get("value")
    files = _value(values, _FILE).get("files")
    first = files[0] if isinstance(files, list) and files and isinstance(files[0], dict) else {}
    file = first.get("id")
    given = Given(
        typed.strip() if isinstance(typed, str) else "",
        file if isinstance(file, str) and _FILE_ID.fullmatch(file) else None,
    )
    return given if given != Given() else None


def refused(why: str) -> str:
    """Return the answer that leaves the form open and says this in it."""
    return json.dumps({"response_action": "errors", "errors": {_TEXT: why}})


def _packed(words: str, reply: ReplyTo) -> str:
    keeps: dict[str, object] = {"words": words}
    if reply.locale is not None:
        keeps["locale"] = reply.locale
    if reply.handle is not None and reply.handle_until is not None:
        until = int(reply.handle_until.timestamp())
        keeps |= {"handle": reply.handle, "until": until, "posts": reply.handle_posts}
    return json.dumps(keeps)


def _field(name: str, label: str, element: View) -> View:
    return {
        "type": "input",
        "block_id": name,
        "optional": True,
        "label": _plain(label),
        "element": element,
    }


def _plain(text: str) -> View:
    return {"type": "plain_text", "text": text, "emoji": False}


def _value(values: object, name: str) -> Mapping[str, Any]:
    block = values.get(name) if isinstance(values, dict) else None
    found = block.get(name) if isinstance(block, dict) else None
    return found if isinstance(found, dict) else {}
