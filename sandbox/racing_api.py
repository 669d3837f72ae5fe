"""The operations of the racing site's API: who may call which, and what each does.

Pages hold at most a hundred rows; profiles come in no promised order and, for a while, without the newest.
"""

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.aws_json import AwsError
from sandbox.cognito import UserPool
from sandbox.company import Company
from sandbox.racing import ADMINS, FACILITATORS, RACERS, USER_POOL_ID, PoolUser, Profile, Race, Ranking

PAGE = 100
FIRST_WITH_TOKENS = (1, 2, 0)  # before this version, only the first page of profiles could be read
_EMAIL = re.compile(r"[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}")
_EVERYBODY = frozenset({ADMINS, FACILITATORS, RACERS})
_STAFF = frozenset({ADMINS, FACILITATORS})
_ID = re.compile(r"[A-Za-z0-9]{15}")

Json = dict[str, Any]


class ApiError(Exception):
    """A refusal: its status, what `x-amzn-ErrorType` says, and its body."""

    def __init__(self, status: int, kind: str, body: Json) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind
        self.body = body


@dataclass(frozen=True, slots=True)
class Asked:
    """What one call asks: the ids of its path, its query and its body."""

    ids: dict[str, str]
    query: dict[str, str]
    body: Json


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: where it is, which groups' roles may call it, and whether it takes a body."""

    method: str
    path: str
    perform: str
    roles: frozenset[str]
    takes_body: bool = False

    @property
    def name(self) -> str:
        """Return the name for the call log and for faults."""
        return f"{self.method} {self.path}"

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return the pattern of its paths."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))


_ADMINS = frozenset({ADMINS})
ROUTES: Sequence[Route] = (
    Route("POST", "/profile", "create_profile", _EVERYBODY, takes_body=True),
    Route("GET", "/profile", "get_profile", _EVERYBODY),
    Route("PATCH", "/profile", "update_profile", _EVERYBODY, takes_body=True),
    Route("GET", "/profiles", "list_profiles", _ADMINS),
    Route("GET", "/admin/profiles", "list_admin_profiles", _STAFF),
    Route("GET", "/admin/profiles/{profileId}/models", "list_models", _STAFF),
    Route("PUT", "/profile/role", "change_role", _ADMINS, takes_body=True),
    Route("DELETE", "/profiles/{profileId}/models", "delete_models", _ADMINS),
    Route("GET", "/settings/{key}", "get_setting", _EVERYBODY),
    Route("GET", "/leaderboards", "list_leaderboards", _EVERYBODY),
    Route("GET", "/leaderboards/{leaderboardId}", "get_leaderboard", _EVERYBODY),
    Route("GET", "/leaderboards/{leaderboardId}/rankings", "list_rankings", _EVERYBODY),
)


class RacingApi:
    """The operations, each for a caller who was let through to it."""

    def __init__(self, company: Company, *, visibility_seconds: float = 0.0) -> None:
        self.visibility_seconds = visibility_seconds
        self._company = company
        self._racing = company.racing
        self._pool = UserPool(company, leaves_orphans=True)

    def perform(self, route: Route, caller: PoolUser, asked: Asked) -> Json:
        """Do what the route is for. Raises ApiError."""
        for name in ("profileId", "leaderboardId"):
            if not _ID.fullmatch(asked.ids.get(name, "0" * 15)):
                raise _invalid(f"/{name}")
        operation: Callable[[PoolUser, Asked], Json] = getattr(self, route.perform)
        return operation(caller, asked)

    # --- profiles -------------------------------------------------------------------------------------------

    def create_profile(self, _: PoolUser, asked: Asked) -> Json:
        """Invite somebody; the answer does not say under which id."""
        email = asked.body.get("emailAddress")
        if not isinstance(email, str):
            raise _gateway_refusal("object has missing required properties (['emailAddress'])")
        if not _EMAIL.fullmatch(email):
            raise _bad("Invalid email address format.")
        if any(user.email == email for user in self._racing.users.values()):
            raise _bad("A user with this email address already exists.")
        username = self._racing.nano_id()
        attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
        try:
            self._pool.admin_create_user(
                {
                    "UserPoolId": USER_POOL_ID,
                    "Username": username,
                    "UserAttributes": attributes,
                    "DesiredDeliveryMediums": ["EMAIL"],
                }
            )
        except AwsError:
            raise _failure("Unable to create profile. Please try again.") from None
        self._racing.users[username].groups.add(RACERS)
        return {"message": "Profile created successfully. Check your email for login instructions."}

    def get_profile(self, caller: PoolUser, _: Asked) -> Json:
        """Return the caller's own profile."""
        shown = self._whole(self._profile(caller.username))
        return {"profile": _without(shown, "roleName", "createdAt", "modelStorageUsage")}

    def update_profile(self, caller: PoolUser, asked: Asked) -> Json:
        """Change a profile; without an id that is the caller's own."""
        given = asked.body
        for name in ("maxTotalComputeMinutes", "maxModelCount"):
            if name in given and type(given[name]) is not int:
                raise _gateway_refusal(f"instance type of {name} does not match integer")
        profile_id = given.get("profileId", caller.username)
        is_admin = ADMINS in caller.groups
        if profile_id != caller.username and not is_admin:
            raise _bad("Admin permission required to make this change.")
        quotas = {"maxTotalComputeMinutes", "maxModelCount"} & given.keys()
        if quotas and not is_admin:
            raise _bad("Non-admin user requesting to change one or more admin-only properties.")
        if not quotas and not {"alias", "avatar"} & given.keys():
            raise _bad(
                "At least one valid field (alias, avatar, maxTotalComputeMinutes, or maxModelCount)"
                " needs to be provided."
            )
        profile = self._profile(profile_id)
        profile.alias = given.get("alias", profile.alias)
        profile.minutes_allowed = given.get("maxTotalComputeMinutes", profile.minutes_allowed)
        profile.models_allowed = given.get("maxModelCount", profile.models_allowed)
        left_out = ("emailAddress", "modelCount", "roleName", "createdAt", "modelStorageUsage")
        return {"profile": _without(self._whole(profile), *left_out)}

    def list_profiles(self, _: PoolUser, asked: Asked) -> Json:
        """Return a page of whole profiles."""
        rows = sorted(self._shown_profiles(), key=lambda one: one.profile_id[::-1])
        shown, token = _page(rows, asked.query.get("token"), base64.b64encode)
        if _version(self._racing.version) < FIRST_WITH_TOKENS:
            token = None
        return {"profiles": [self._whole(one) for one in shown], **({"token": token} if token else {})}

    def list_admin_profiles(self, caller: PoolUser, _: Asked) -> Json:
        """Return every profile in short, all at once."""
        if not _STAFF & caller.groups:
            raise ApiError(403, "NotAuthorizedError", {"message": "Not authorized."})
        names = ("profileId", "alias", "emailAddress")
        rows = [{name: self._whole(one)[name] for name in names} for one in self._shown_profiles()]
        return {"profiles": rows}

    def change_role(self, _: PoolUser, asked: Asked) -> Json:
        """Take a user out of every group and put them into one."""
        user, group = self._racing.users.get(asked.body["profileId"]), asked.body["targetUserPoolGroup"]
        if user is None:
            raise _failure("Failed to remove user from groups.")
        user.groups = {group}
        return {}

    # --- models and settings --------------------------------------------------------------------------------

    def list_models(self, _: PoolUser, asked: Asked) -> Json:
        """Return a racer's models, all at once; none for an unknown racer."""
        found = self._racing.models.get(asked.ids["profileId"], [])
        rows = [
            {
                "modelId": one.model_id,
                "name": one.name,
                "status": one.status,
                "createdAt": self._moment(one.created_at),
            }
            for one in found
        ]
        return {"models": rows}

    def delete_models(self, _: PoolUser, asked: Asked) -> Json:
        """Delete a racer's models; an unknown racer has none."""
        self._racing.models.pop(asked.ids["profileId"], None)
        return {}

    def get_setting(self, _: PoolUser, asked: Asked) -> Json:
        """Return one value of the settings, by its dotted path."""
        value: Any = self._racing.settings
        for part in asked.ids["key"].split("."):
            if not isinstance(value, dict) or part not in value:
                text = "Failed to retrieve global setting for provided key."
                raise ApiError(404, "NotFoundError", {"message": text})
            value = value[part]
        return {"value": value}

    # --- races ----------------------------------------------------------------------------------------------

    def list_leaderboards(self, _: PoolUser, asked: Asked) -> Json:
        """Return a page of races, the first to close first, those that are over included."""
        rows = sorted(self._racing.races.values(), key=lambda race: race.closes_at)
        shown, token = _page(rows, asked.query.get("token"), base64.urlsafe_b64encode)
        return {"leaderboards": [self._race(one) for one in shown], **({"token": token} if token else {})}

    def get_leaderboard(self, _: PoolUser, asked: Asked) -> Json:
        """Return one race."""
        return {"leaderboard": _without(self._race(self._known_race(asked)), "submissionPeriodOpen")}

    def list_rankings(self, _: PoolUser, asked: Asked) -> Json:
        """Return a page of a race's ranking; ranks are positions, so rows that tie have different ones."""
        race, page = self._known_race(asked), asked.query.get("token")
        if page is None and race.next_rankings is not None:
            race.rankings, race.next_rankings = race.next_rankings, None
        rows = sorted(race.rankings.values(), key=lambda row: (row.score, row.submitted_at))
        numbered = list(enumerate(rows, 1))
        shown, token = _page(numbered, page, base64.urlsafe_b64encode)
        found = [self._row(rank, one) for rank, one in shown]
        return {"rankings": found, **({"token": token} if token else {})}

    def _known_race(self, asked: Asked) -> Race:
        race = self._racing.races.get(asked.ids["leaderboardId"])
        if race is None:
            raise ApiError(404, "NotFoundError", {"message": "Item not found."})
        return race

    def _profile(self, profile_id: str) -> Profile:
        """Return the profile; a missing one is an error that no operation declares."""
        if profile_id not in self._racing.profiles:
            raise ApiError(500, "InternalFailure", {})
        return self._racing.profiles[profile_id]

    def _shown_profiles(self) -> list[Profile]:
        late = self._company.clock.now() - self.visibility_seconds
        return [one for one in self._racing.profiles.values() if one.created_at <= late]

    def _whole(self, profile: Profile) -> Json:
        shown = {
            "profileId": profile.profile_id,
            "alias": profile.alias,
            "avatar": {"top": "Helmet"},
            "emailAddress": profile.email,
            "computeMinutesUsed": profile.minutes_used,
            "computeMinutesQueued": profile.minutes_queued,
            "maxTotalComputeMinutes": profile.minutes_allowed,
            "modelCount": profile.models_counted,
            "maxModelCount": profile.models_allowed,
            "modelStorageUsage": profile.storage_bytes,
            "roleName": profile.role,
            "createdAt": self._moment(profile.created_at),
        }
        return {name: value for name, value in shown.items() if value is not None}

    def _race(self, race: Race) -> Json:
        now = self._company.clock.now()
        return {
            "leaderboardId": race.race_id,
            "name": race.name,
            "openTime": self._moment(race.opens_at),
            "closeTime": self._moment(race.closes_at),
            "trackConfig": {"trackId": race.track, "trackDirection": "COUNTER_CLOCKWISE"},
            "raceType": "TIME_TRIAL",
            "maxSubmissionsPerUser": 10,
            "resettingBehaviorConfig": {"continuousLap": False},
            "submissionTerminationConditions": {"minimumLaps": 1, "maximumLaps": 3},
            "timingMethod": race.timing,
            "participantCount": len(race.rankings),
            "isLive": False,
            "submissionPeriodOpen": race.opens_at <= now <= race.closes_at,
        }

    def _row(self, rank: int, row: Ranking) -> Json:
        stats = {"avgLapTime": row.score, "bestLapTime": row.score, "totalLapTime": row.score}
        return {
            "rank": rank,
            "rankingScore": row.score,
            "stats": {**stats, "completedLapCount": 3, "offTrackCount": 0, "resetCount": 0},
            "submissionNumber": row.submission,
            "submittedAt": self._moment(row.submitted_at),
            "videoUrl": "https://videos.acme.example/presigned",
            "userProfile": {"alias": row.alias, "avatar": {"top": "Helmet"}},
        }

    def _moment(self, seconds: float) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _page(
    rows: Sequence[Any], token: str | None, encode: Callable[[bytes], bytes]
) -> tuple[Sequence[Any], str | None]:
    """Return one page and the token of the next; a token that is none breaks the operation."""
    start = 0
    if token is not None:
        try:
            start = int(json.loads(base64.b64decode(token.replace("-", "+").replace("_", "/")))["at"])
        except (ValueError, KeyError, TypeError):
            raise ApiError(500, "InternalFailure", {}) from None
    more = encode(json.dumps({"at": start + PAGE, "pad": "??>>"}).encode()).decode()
    return rows[start : start + PAGE], more if start + PAGE < len(rows) else None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.lstrip("v").split("."))


def _without(shown: Json, *names: str) -> Json:
    return {name: value for name, value in shown.items() if name not in names}


def _bad(text: str) -> ApiError:
    return ApiError(400, "BadRequestError", {"message": text})


def _failure(text: str) -> ApiError:
    return ApiError(500, "InternalFailureError", {"message": text})


def _gateway_refusal(detail: str) -> ApiError:
    return ApiError(400, "BadRequestException", {"errorMessage": f"Invalid request body: [{detail}]"})


def _invalid(path: str) -> ApiError:
    rule = "Member must satisfy regular expression pattern: ^[A-Za-z0-9]{15}$"
    text = f"Value at '{path}' failed to satisfy constraint: {rule}"
    body = {"message": f"1 validation error detected. {text}", "fieldList": [{"path": path, "message": text}]}
    return ApiError(400, "ValidationException", body)
