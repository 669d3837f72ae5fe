"""Modals and home tabs: views.open and views.publish."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from sandbox.clock import Clock
from sandbox.company import TEAM_ID
from sandbox.slack_arguments import Refused, parsed, refused_for, required
from sandbox.slack_blocks import refusal
from sandbox.slack_people import APP_ID

Json = dict[str, Any]
_TRIGGER_SECONDS = 3.0
_LONGEST_TITLE = 24


@dataclass(slots=True)
class Views:
    """The views that were shown, and the triggers that may open a modal."""

    clock: Clock
    triggers: dict[str, float | None] = field(default_factory=dict)  # trigger id -> made at; None once used
    homes: dict[str, Json] = field(default_factory=dict)  # user id -> home view last published
    modals: list[Json] = field(default_factory=list)

    def open(self, args: Json) -> Json:
        """views.open: a modal, within three seconds of a trigger that was not used before."""
        trigger = required(args, "trigger_id")
        if trigger not in self.triggers:
            raise Refused("invalid_trigger_id")
        made_at = self.triggers[trigger]
        if made_at is None:
            raise Refused("exchanged_trigger_id")
        if self.clock.now() - made_at > _TRIGGER_SECONDS:
            raise Refused("expired_trigger_id")
        view = _view(args, "modal")
        self.triggers[trigger] = None
        shown = {"id": f"V0{len(self.modals):09d}", "team_id": TEAM_ID, "app_id": APP_ID, **view}
        self.modals.append(shown)
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
    return view
