"""The port `RacingPlatform` over the API of a racing site.

The platform counts in minutes; -1 is unlimited, and a quota that is missing allows nothing. Settings come as
numbers or, once somebody changed them at the site, as text.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from adapters.deepracer.client import SiteClient, SiteError
from provisioning.errors import Unexpected
from provisioning.events import DeepRacerOnAws
from provisioning.platform import Allowance, Model, Profile, Race, Standing, Timing

UNLIMITED: Final = -1
NO_VALID_TIME: Final = 86_000_000  # a score that stands for none; shown when no lap need be completed
_NOT_FOUND: Final = 404
_TIMINGS: Final[Mapping[str, Timing]] = {
    "BEST_LAP_TIME": "best-lap",
    "AVG_LAP_TIME": "average-lap",
    "TOTAL_TIME": "total",
}
_NEWCOMERS: Final = "/settings/usageQuotas.newUser"


class DeepRacerPlatform:
    """Asks the API of the site that a grant names. Safe to use from several threads."""

    def __init__(self, client_of: Callable[[str], SiteClient]) -> None:
        self._client_of = client_of

    def profiles(self, grant: DeepRacerOnAws) -> Sequence[Profile]:
        with _told():
            return [_profile(row) for row in self._client_of(grant.site_url).pages("/profiles", "profiles")]

    def set_allowance(self, grant: DeepRacerOnAws, profile_id: str, allowance: Allowance) -> Allowance:
        if not profile_id:  # without an id the site would change the profile of the bot's own user
            raise Unexpected(action="PATCH /profile", reason="no profile id")
        body = {
            "profileId": profile_id,
            "maxTotalComputeMinutes": _written(allowance.minutes),
            "maxModelCount": _written(allowance.models),
        }
        with _told():
            return _profile(
                self._client_of(grant.site_url).call("PATCH", "/profile", body)["profile"]
            ).allowance

    def newcomers_allowance(self, grant: DeepRacerOnAws) -> Allowance:
        with _told():
            value = self._client_of(grant.site_url).call("GET", _NEWCOMERS)["value"]
            return Allowance(
                _read(value["newUserComputeMinutesLimit"]), _read(value["newUserModelCountLimit"])
            )

    def models(self, grant: DeepRacerOnAws, profile_id: str) -> Sequence[Model]:
        path = f"/admin/profiles/{quote(profile_id, safe='')}/models"
        with _told():
            rows = self._client_of(grant.site_url).call("GET", path)["models"]
            return [
                Model(row["modelId"], row["name"], row["status"], _moment(row["createdAt"])) for row in rows
            ]

    def delete_models(self, grant: DeepRacerOnAws, profile_id: str) -> None:
        with _told():
            self._client_of(grant.site_url).call("DELETE", f"/profiles/{quote(profile_id, safe='')}/models")

    def races(self, grant: DeepRacerOnAws) -> Sequence[Race]:
        with _told():
            rows = self._client_of(grant.site_url).pages("/leaderboards", "leaderboards")
            return [_race(row, grant.site_url) for row in rows]

    def standings(self, grant: DeepRacerOnAws, race_id: str) -> Sequence[Standing] | None:
        path = f"/leaderboards/{quote(race_id, safe='')}/rankings"
        try:
            with _told(apart_from=_NOT_FOUND):
                rows = list(self._client_of(grant.site_url).pages(path, "rankings"))
                return [_standing(row) for row in rows]
        except SiteError:
            return None


@contextmanager
def _told(apart_from: int | None = None) -> Iterator[None]:
    """Tell a refusal that nobody foresaw, or an answer of another form, as Unexpected."""
    try:
        yield
    except SiteError as error:
        if error.status == apart_from:
            raise
        raise error.unexpected() from error
    except (KeyError, TypeError, ValueError) as error:
        raise Unexpected(action="read an answer of the site", reason=type(error).__name__) from error


def _profile(row: Mapping[str, Any]) -> Profile:
    return Profile(
        row["profileId"],
        row["alias"],
        Allowance(_read(row.get("maxTotalComputeMinutes", 0)), _read(row.get("maxModelCount", 0))),
        int(row.get("computeMinutesUsed", 0)),
        int(row.get("computeMinutesQueued", 0)),
        int(row.get("modelCount", 0)),
        int(row.get("modelStorageUsage", 0)),
        row.get("emailAddress"),
    )


def _race(row: Mapping[str, Any], site_url: str) -> Race:
    return Race(
        row["leaderboardId"],
        row["name"],
        _moment(row["openTime"]),
        _moment(row["closeTime"]),
        _TIMINGS[row["timingMethod"]],
        int(row.get("participantCount", 0)),
        f"{site_url}/races/{row['leaderboardId']}",
    )


def _standing(row: Mapping[str, Any]) -> Standing:
    score = int(row["rankingScore"])
    return Standing(
        int(row["rank"]),
        row["userProfile"]["alias"],
        None if score >= NO_VALID_TIME else score,
        _moment(row["submittedAt"]),
        int(row["submissionNumber"]),
    )


def _read(value: Any) -> int | None:
    """Read a quota; what else is below 0 is kept as it was written, and blocks like 0."""
    number = int(value)
    return None if number == UNLIMITED else number


def _written(quota: int | None) -> int:
    return UNLIMITED if quota is None else quota


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
