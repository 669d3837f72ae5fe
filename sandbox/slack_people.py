"""The user object of the Web API, as one app with one set of scopes is shown it."""

import re
import unicodedata
from typing import Any

from sandbox.company import ENTERPRISE_ID, SIBLING_TEAM_ID, TEAM_ID, SlackUser

APP_ID = "A0DEEPRACR"
BOT_ID = "B0DEEPRACR"
BOT_USER = SlackUser("U0DEEPRACR", "DeepRacer", None, is_bot=True, is_email_confirmed=None)
# Slackbot says of itself that it is no bot.
SLACKBOT = SlackUser("USLACKBOT", "Slackbot", None, is_email_confirmed=False)


def handle_of(user: SlackUser) -> str:
    """Return the short name Slack makes of a full name: lower-case ASCII letters, digits and dots."""
    plain = unicodedata.normalize("NFKD", user.name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", ".", plain).strip(".") or user.id.lower()


def user_object(
    user: SlackUser, *, email: bool, locale: bool, grid: bool = False, omit_deleted: bool = False
) -> dict[str, Any]:
    """Return one user as `users.info` and `users.list` both show them.

    `email`: the app has users:read.email (without it the field is silently missing). `locale`: it was asked
    for. `omit_deleted`: leave `deleted` out when it is false. Deactivated people and people of other teams
    are shown with fewer fields, as Slack does.
    """
    foreign = user.team_id not in ((TEAM_ID, SIBLING_TEAM_ID) if grid else (TEAM_ID,))
    shown: dict[str, Any] = {
        "id": user.id,
        "team_id": user.team_id,
        "name": handle_of(user),
        "deleted": user.deleted,
        "real_name": user.name,
        "profile": _profile(user, email=email),
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": 1_790_000_000,
    }
    if omit_deleted and not user.deleted:
        del shown["deleted"]
    if not user.deleted:
        shown |= {"tz": user.tz, "tz_label": user.tz, "tz_offset": 0, "color": "9f69e7"}
        shown |= {"is_admin": False, "is_owner": False, "is_primary_owner": False}
        shown |= {"is_restricted": user.is_restricted, "is_ultra_restricted": user.is_ultra_restricted}
        if locale and not foreign and user.locale is not None:
            shown["locale"] = user.locale
    for name in ("is_stranger", "is_invited_user", "is_email_confirmed"):
        value = getattr(user, name)
        if value is not None:
            shown[name] = value
    if user.enterprise_user is not None:
        shown["enterprise_user"] = user.enterprise_user
    elif grid and not foreign and user is not SLACKBOT:
        shown["enterprise_user"] = {
            "id": user.id,
            "enterprise_id": ENTERPRISE_ID,
            "enterprise_name": "Acme",
            "is_admin": False,
            "is_owner": False,
            "teams": [user.team_id],
        }
    return shown


def _profile(user: SlackUser, *, email: bool) -> dict[str, Any]:
    given, _, family = user.name.partition(" ")
    profile: dict[str, Any] = {
        "real_name": user.name,
        "real_name_normalized": user.name,
        "display_name": "",
        "display_name_normalized": "",
        "first_name": given,
        "last_name": family,
        "title": "",
        "phone": "",
        "avatar_hash": "g0",
        "team": user.team_id,
    }
    if email and user.email is not None:
        profile["email"] = user.email
    if user is BOT_USER:
        profile |= {"api_app_id": APP_ID, "bot_id": BOT_ID, "always_active": True}
    return profile
