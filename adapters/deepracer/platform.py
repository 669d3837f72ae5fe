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
from adapters.deepracer.names import username_of
from provisioning.errors import Unexpected
from provisioning.events import DeepRacerOnAws
from provisioning.ids import PersonId
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

    def __init__(
        self, client_of: Callable[[str], SiteClient], pool_of: Callable[[str], str] | None = None
    ) -> None:
        """Take the id of the user pool of each site; None where the site itself names the accounts."""
        self._client_of = client_of
        self._pool_of = pool_of

    def profiles(self, grant: DeepRacerOnAws) -> Sequence[Profile]:
        with _told():
            rows = self._client_of(grant.site_url).pages("/profiles", "profiles")
            return [
                _profile(row) for row in rows if row.get("profileId")
            ]  # one without is nobody's to ask of

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

    def is_theirs(self, grant: DeepRacerOnAws, profile_id: str, person_id: PersonId) -> bool:
        return self._pool_of is not None and profile_id != username_of(
            self._pool_of(grant.site_url), person_id
        )

    def newcomers_allowance(self, grant: DeepRacerOnAws) -> Allowance:
        with _told():
            value = self._client_of(grant.site_url).call("GET", _NEWCOMERS)["value"]
            return Allowance(
                _read(value["newUserComputeMinutesLimit"]), _read(value["newUserModelCountLimit"])
            )

    def models(self, grant: DeepRacerOnAws, profile_id: str) -> Sequence[Model]:
        path = f"/admin/profiles/{quote(profile_id, safe='')}/models"
        with _told():
            rows = self._client_of(grant.site_url).call("GET", path).get("models") or ()
            return [_model(row) for row in rows]

    def delete_models(self, grant: DeepRacerOnAws, profile_id: str) -> None:
        with _told():
            self._client_of(grant.site_url).call("DELETE", f"/profiles/{quote(profile_id, safe='')}/models")

    def races(self, grant: DeepRacerOnAws) -> Sequence[Race]:
        with _told():
            rows = self._client_of(grant.site_url).pages("/leaderboards", "leaderboards")
            return [_race(row, grant.site_url) for row in rows if row["timingMethod"] in _TIMINGS]

    def standings(self, grant: DeepRacerOnAws, race_id: str) -> Sequence[Standing] | None:
        path = f"/leaderboards/{quote(race_id, safe='')}/rankings"
        try:
            with _told(apart_from=_NOT_FOUND):
                rows = list(self._client_of(grant.site_url).pages(path, "rankings"))
                return [_standing(row, place) for place, row in enumerate(rows, start=1)]
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
        row.get("alias") or "",
        Allowance(_read(row.get("maxTotalComputeMinutes")), _read(row.get("maxModelCount"))),
        _number(row.get("computeMinutesUsed")),
        _number(row.get("computeMinutesQueued")),
        _number(row.get("modelCount")),
        _number(row.get("modelStorageUsage")),
        row.get("emailAddress") or None,
        _moment(row["createdAt"]) if row.get("createdAt") else None,
    )


def _race(row: Mapping[str, Any], site_url: str) -> Race:
    return Race(
        row["leaderboardId"],
        row["name"],
        _moment(row["openTime"]),
        _moment(row["closeTime"]),
        _TIMINGS[row["timingMethod"]],
        _number(row.get("participantCount")),
        f"{site_url}/races/{row['leaderboardId']}",
    )


def _model(row: Mapping[str, Any]) -> Model:
    return Model(row["modelId"], row.get("name") or "", row.get("status") or "", _moment(row["createdAt"]))


def _standing(row: Mapping[str, Any], place: int) -> Standing:
    """Read a row of a ranking; `place` is where in it the row stands, which is what its rank says."""
    score = _number(row.get("rankingScore"), NO_VALID_TIME)
    return Standing(
        _number(row.get("rank"), place),
        row["userProfile"]["alias"],
        None if score >= NO_VALID_TIME else score,
        _moment(row["submittedAt"]),
        _number(row.get("submissionNumber"), 1),
    )


def _read(value: Any) -> int | None:
    """Read a quota; what else is below 0 is kept as it was written, and blocks like 0."""
    number = _number(value)
    return None if number == UNLIMITED else number


def _number(value: Any, missing: int = 0) -> int:
    """Read a count: a number, or a text that is one. Raises TypeError and ValueError for anything else."""
    return missing if value is None else int(float(value))


def _written(quota: int | None) -> int:
    return UNLIMITED if quota is None else quota


def _moment(told: str | float) -> datetime:
    """Read a moment: a date and time, in UTC where no zone is named, or seconds since 1970."""
    if isinstance(told, int | float):
        return datetime.fromtimestamp(told, UTC)
    at = datetime.fromisoformat(told)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
