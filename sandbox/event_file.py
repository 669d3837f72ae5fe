"""The event that the company in a box is about to hold, as the file that `event apply` reads."""

import json
from datetime import datetime, timedelta
from typing import Any

from sandbox.company import (
    ACCOUNT_ID,
    DOMAIN,
    IDENTITY_STORE_ID,
    INSTANCE_ARN,
    ORGANIZERS_GROUP,
    PERMISSION_SET_ARN,
    RACERS_GROUP,
    Company,
)
from sandbox.slack_channels import ORGANIZERS, RACING

Json = dict[str, Any]


def event_toml(company: Company, **overrides: Any) -> str:
    """Return the Spring Cup as TOML: joining opened an hour ago, closes in 30 days, access ends in 44.

    `overrides` replace fields of the [event] table (None leaves one out), and as `quota` and `grants` those
    two parts as a whole.
    """
    event = _event(company) | overrides
    quota: Json = event.pop("quota", {"training_hours": 10, "models": 5})
    grants: list[Json] = event.pop("grants", None) or _grants(company)
    questions: list[Json] = event.pop("questions", [])
    parts = [_table("[event]", event), _table("[event.quota]", quota)]
    parts += [_table("[[event.grants]]", grant) for grant in grants]
    parts += [_table("[[event.questions]]", question) for question in questions]
    return "\n".join(parts)


def _event(company: Company) -> Json:
    now = company.clock.utc().replace(microsecond=0)
    return {
        "id": "spring-cup-2027",
        "name": "Spring Cup 2027",
        "opens": now - timedelta(hours=1),
        "closes": now + timedelta(days=30),
        "ends": now + timedelta(days=44),
        "retention_days": 30,
        "capacity": 2000,
        "email_domains": [DOMAIN],
        "link_hosts": ["racing.acme.example"],
        "training_links": [{"title": "Get started", "url": "https://racing.acme.example/start"}],
        "organizer_group": company.group(ORGANIZERS_GROUP).id,
        "channels": [f"slack:{RACING}"],
        "organizer_channel": f"slack:{ORGANIZERS}",
        "access_url": (
            f"https://{IDENTITY_STORE_ID}.awsapps.com/start/#/console"
            f"?account_id={ACCOUNT_ID}&role_name=DeepRacer"
        ),
    }


def _grants(company: Company) -> list[Json]:
    return [
        {"kind": "entra-group", "group_id": company.group(RACERS_GROUP).id},
        {
            "kind": "identity-center",
            "identity_store_id": IDENTITY_STORE_ID,
            "group_id": company.store_group(RACERS_GROUP).group_id,
            "instance_arn": INSTANCE_ARN,
            "account_id": ACCOUNT_ID,
            "permission_set_arn": PERMISSION_SET_ARN,
            "scim_app_id": company.scim_app_id,
        },
    ]


def _table(head: str, fields: Json) -> str:
    lines = [f"{name} = {_value(value)}" for name, value in fields.items() if value is not None]
    return "\n".join([head, *lines, ""])


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_value(item)}" for name, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)  # TOML's basic strings, numbers and booleans are JSON's
