"""What Slack sends about a command, a click and an event.

`told` is what the simulator says of a new invocation.
"""

import secrets
import time
from typing import Any

Json = dict[str, Any]


def command_form(told: Json, command: str, text: str) -> dict[str, str]:
    """Return the form of a slash command; the organization's two fields are there only when there is one."""
    form = {
        "token": told["token"],
        "team_id": told["team"]["id"],
        "team_domain": told["team"]["domain"],
        "channel_id": told["channel"]["id"],
        "channel_name": told["channel"]["name"],
        "user_id": told["user"]["id"],
        "user_name": told["user"]["username"],
        "command": command,
        "text": text,
        "api_app_id": told["api_app_id"],
        "is_enterprise_install": "false",
        "response_url": told["response_url"],
        "trigger_id": told["trigger_id"],
    }
    if told["enterprise"] is not None:
        form |= {"enterprise_id": told["enterprise"]["id"], "enterprise_name": told["enterprise"]["name"]}
    return form


def click_payload(told: Json, entry: Json, button: Json) -> Json:
    """Return the payload of a click on this button of this message (an entry of the transcript)."""
    ephemeral = entry["surface"] == "ephemeral"
    names = ("type", "action_id", "block_id", "text", "value", "style", "url", "selected_option")
    payload = {
        name: told[name] for name in ("user", "enterprise", "channel", "trigger_id", "api_app_id", "token")
    }
    payload |= {
        "type": "block_actions",
        "team": told["team"] | ({"enterprise_id": told["enterprise"]["id"]} if told["enterprise"] else {}),
        "is_enterprise_install": False,
        "container": {
            "type": "message",
            "message_ts": entry["ts"],
            "channel_id": entry["channel"],
            "is_ephemeral": ephemeral,
        },
        "state": {"values": {}},
        "response_url": told["response_url"],
        "actions": [
            {name: button[name] for name in names if name in button} | {"action_ts": f"{time.time():.6f}"}
        ],
    }
    if not ephemeral:  # Slack keeps no copy of an ephemeral message to send along
        payload["message"] = {
            "type": "message",
            "user": entry["author"],
            "ts": entry["ts"],
            "text": entry["text"],
            "blocks": entry["blocks"],
        }
    return payload


def submission_payload(told: Json, view: Json, values: Json) -> Json:
    """Return the payload of a modal that was sent with these values of its fields."""
    payload = {name: told[name] for name in ("user", "enterprise", "trigger_id", "api_app_id", "token")}
    return payload | {
        "type": "view_submission",
        "team": told["team"] | ({"enterprise_id": told["enterprise"]["id"]} if told["enterprise"] else {}),
        "is_enterprise_install": False,
        "view": {**view, "state": {"values": values}},
        "response_urls": [],
    }


def event_callback(told: Json, event: Json, event_id: str | None) -> Json:
    """Return the body that delivers an event; its user is the one told of, unless it says otherwise."""
    enterprise = told["enterprise"]
    return {
        "token": told["token"],
        "team_id": told["team"]["id"],
        "context_team_id": told["team"]["id"],
        "context_enterprise_id": enterprise and enterprise["id"],
        "api_app_id": told["api_app_id"],
        "event": {"user": told["user"]["id"], "event_ts": f"{time.time():.6f}", **event},
        "type": "event_callback",
        "event_id": event_id or "Ev0" + secrets.token_hex(5).upper(),
        "event_time": int(time.time()),
        "authorizations": [told["authorization"]],
        "is_ext_shared_channel": False,
    }
