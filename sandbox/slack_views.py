"""Modals and home tabs: views.open and views.publish."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from sandbox.clock import Clock
from sandbox.company import TEAM_ID
from sandbox.slack_arguments import Refused, parsed, refused_for, required
from sandbox.slack_blocks import refusal
from sandbox.slack_people import APP_ID, BOT_ID

Json = dict[str, Any]
TRIGGER_SECONDS = 3.0
_LONGEST_TITLE = 24
_LONGEST = {"private_metadata": 3000, "callback_id": 255}


@dataclass(slots=True)
class Modal:
    """A modal that was opened: for whom, and whether it still stands, with what was found wrong in it."""

    user_id: str
    view: Json
    is_open: bool = True
    errors: Json = field(default_factory=dict)  # by block, as the app answered


@dataclass(slots=True)
class Views:
    """The views that were shown, and the triggers that may open a modal."""

    clock: Clock
    scopes: set[str]  # of the bot token
    triggers: dict[str, tuple[str, float | None]] = field(default_factory=dict)  # whose, made at; None: used
    homes: dict[str, Json] = field(default_factory=dict)  # user id -> home view last published
    modals: dict[str, Modal] = field(default_factory=dict)  # by the view's id

    def open(self, args: Json) -> Json:
        """views.open: a modal, within three seconds of a trigger that was not used before."""
        trigger = required(args, "trigger_id")
        if trigger not in self.triggers:
            raise Refused("invalid_trigger_id")
        user_id, made_at = self.triggers[trigger]
        if made_at is None:
            raise Refused("exchanged_trigger_id")
        if self.clock.now() - made_at > TRIGGER_SECONDS:
            raise Refused("expired_trigger_id")
        view = _view(args, "modal")
        if "files:read" not in self.scopes and any(_takes_files(block) for block in view["blocks"]):
            raise Refused("missing_scope", needed="files:read", provided=",".join(sorted(self.scopes)))
        self.triggers[trigger] = user_id, None
        named = {"id": f"V0{len(self.modals):09d}", "team_id": TEAM_ID, "app_id": APP_ID, "bot_id": BOT_ID}
        shown = {**view, **named, "hash": f"{int(self.clock.now())}.{len(self.modals):08d}"}
        self.modals[shown["id"]] = Modal(user_id, shown)
        return {"view": shown}

    def publish(self, args: Json) -> Json:
        """views.publish: a person's home tab; `hash` guards against overwriting a newer one."""
        user_id = required(args, "user_id")
        view = _view(args, "home")
        before = self.homes.get(user_id)
        if args.get("hash") and before is not None and args["hash"] != before["hash"]:
            raise Refused("hash_conflict")
        mark = hashlib.sha256(json.dumps([before, view]).encode()).hexdigest()[:16]
        self.homes[user_id] = {
            "id": f"VH{user_id}",
            "team_id": TEAM_ID,
            "app_id": APP_ID,
            "hash": mark,
            **view,
        }
        return {"view": self.homes[user_id]}


def _view(args: Json, kind: str) -> Json:
    view = parsed(args.get("view"))
    if not isinstance(view, dict) or view.get("type") != kind:
        raise refused_for("invalid_arguments", (f"must provide a view of type {kind} [json-pointer:/view]",))
    refused = refusal(view.get("blocks"), "modal" if kind == "modal" else "home", "/view/blocks")
    if refused is not None:
        raise refused_for("invalid_arguments", refused.messages)
    for name in ("title", "submit", "close") if kind == "modal" else ():
        if len((view.get(name) or {}).get("text", "")) > _LONGEST_TITLE:
            raise refused_for(
                "invalid_arguments",
                (f"must be less than {_LONGEST_TITLE + 1} characters [json-pointer:/view/{name}/text]",),
            )
    if kind == "modal" and "title" not in view:
        raise refused_for("invalid_arguments", ("missing required field: title [json-pointer:/view]",))
    for place, block in enumerate(view["blocks"]):
        if block["type"] == "input" and "submit" not in view:
            found = f"must define `submit` to use `input` block [json-pointer:/view/blocks/{place}/input]"
            raise refused_for("invalid_arguments", (found,))
    for name, longest in _LONGEST.items():
        if len(view.get(name) or "") > longest:
            found = f"must be less than {longest + 1} characters [json-pointer:/view/{name}]"
            raise refused_for("invalid_arguments", (found,))
    return view


def _takes_files(block: Json) -> bool:
    return bool(block["type"] == "input" and block["element"]["type"] == "file_input")
