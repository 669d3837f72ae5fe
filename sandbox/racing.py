"""Acme's DeepRacer on AWS: its user pool, its racers' profiles, its races and models, as plain state.

The rules live in the simulators that show it: `sandbox.cognito` (the user pool and the identity pool) and
`sandbox.racing_api` (the site and its API). Quotas are minutes and counts as the platform keeps them:
-1 is unlimited, 0 allows nothing.
"""

import random
import string
from dataclasses import dataclass, field
from typing import Any

REGION = "us-east-1"
USER_POOL_ID = f"{REGION}_aCmERacer"
CLIENT_ID = "4acmeracingwebclient00000a"
IDENTITY_POOL_ID = f"{REGION}:5d1c7a52-1111-4222-8333-acee0acee0ac"
ADMINS, FACILITATORS, RACERS = "dr-admins", "dr-race-facilitators", "dr-racers"
SERVICE_USER, SERVICE_PASSWORD = "botserviceuser1", "Sandbox-only-1!"
UNLIMITED = -1
ALIAS_OF_EVERYBODY = "RacerAlias"  # who was invited without an alias of their own has this one
NO_VALID_TIME = 86_000_000  # a ranking score that stands for none


@dataclass
class PoolUser:
    """A user of the pool; `username` is the profile id as well."""

    username: str
    sub: str
    email: str
    created_at: float
    email_verified: bool = True
    enabled: bool = True
    status: str = "FORCE_CHANGE_PASSWORD"
    password: str | None = None
    password_until: float | None = None  # a temporary password ends; a permanent one does not
    groups: set[str] = field(default_factory=set)
    sessions_since: float = 0.0  # refresh tokens issued before this moment are revoked


@dataclass
class Profile:
    """A racer's row in the platform's table; None: the platform has not written this field."""

    profile_id: str
    email: str
    created_at: float
    alias: str = ALIAS_OF_EVERYBODY
    minutes_used: int = 0
    minutes_queued: int = 0
    minutes_allowed: int | None = UNLIMITED
    models_counted: int | None = None
    models_allowed: int | None = UNLIMITED
    storage_bytes: int | None = None
    role: str | None = None  # advisory: written late, or never


@dataclass
class Model:
    """A model of a racer."""

    model_id: str
    name: str
    created_at: float
    status: str = "READY"


@dataclass
class Ranking:
    """A racer's best row in a race; alias and avatar are those of the moment it was made or improved."""

    profile_id: str
    alias: str
    score: int  # milliseconds of what the race counts
    submitted_at: float
    submission: int = 1


@dataclass
class Race:
    """A race; `rankings` has one row for each racer.

    `next_rankings` takes their place between two readings: when the first page is asked for the next time.
    """

    race_id: str
    name: str
    opens_at: float
    closes_at: float
    track: str = "reInvent2019_wide"
    timing: str = "BEST_LAP_TIME"
    rankings: dict[str, Ranking] = field(default_factory=dict)
    next_rankings: dict[str, Ranking] | None = None


@dataclass(frozen=True)
class Keys:
    """Credentials that the identity pool gave to a signed-in user."""

    access_key: str
    secret_key: str
    session_token: str
    expires_at: float
    sub: str
    role: str  # the user pool's group that decided it


@dataclass
class Racing:
    """Everything of the platform. Change it to make a story."""

    dice: random.Random = field(default_factory=lambda: random.Random(7))
    users: dict[str, PoolUser] = field(default_factory=dict)
    groups: set[str] = field(default_factory=lambda: {ADMINS, FACILITATORS, RACERS})
    profiles: dict[str, Profile] = field(default_factory=dict)
    races: dict[str, Race] = field(default_factory=dict)
    models: dict[str, list[Model]] = field(default_factory=dict)
    mails: list[tuple[float, str]] = field(default_factory=list)  # invitations: when, and to whom
    keys: dict[str, Keys] = field(default_factory=dict)
    jobs_at_once: int = 8  # SageMaker's quota for training, evaluation and race submissions together
    sends_with_ses: bool = False  # without it Cognito's own mailer sends 50 a day
    version: str = "v1.2.5"
    settings: dict[str, Any] = field(
        default_factory=lambda: {
            "usageQuotas": {
                "global": {"globalComputeMinutesLimit": UNLIMITED, "globalModelCountLimit": UNLIMITED},
                "newUser": {
                    "newUserComputeMinutesLimit": UNLIMITED,
                    "newUserModelCountLimit": UNLIMITED,
                },
            },
            "registration": {"type": "invite-only"},
        }
    )

    @classmethod
    def found(cls, now: float) -> "Racing":
        """Return the platform as it is after its installation, with a service user for the bot."""
        racing = cls()
        racing.enroll("admin0123456789", "racing.admin@acme.example", ADMINS, now)
        service = racing.enroll(SERVICE_USER, "racing.bot@acme.example", ADMINS, now)
        service.password, service.status = SERVICE_PASSWORD, "CONFIRMED"
        return racing

    def enroll(self, username: str, email: str, group: str | None, now: float) -> PoolUser:
        """Put a user with a profile into the pool, as somebody else than the bot would have done."""
        user = PoolUser(username, self.guid(), email, now)
        if group is not None:
            user.groups.add(group)
        self.users[username] = user
        self.make_profile(username, email, None, now)
        return user

    def make_profile(self, username: str, email: str, alias: str | None, now: float) -> Profile:
        """Write a profile row with the quotas of new users, as the pre-sign-up trigger does."""
        quotas = self.settings["usageQuotas"]["newUser"]
        profile = Profile(
            username,
            email,
            now,
            alias or ALIAS_OF_EVERYBODY,
            minutes_allowed=int(quotas["newUserComputeMinutesLimit"]),
            models_allowed=int(quotas["newUserModelCountLimit"]),
        )
        self.profiles[username] = profile
        return profile

    def user(self, name: str) -> PoolUser | None:
        """Return the user of this username or of this verified e-mail address, both in any case."""
        if name in self.users:
            return self.users[name]
        fold = name.casefold()
        return next(
            (
                user
                for user in self.users.values()
                if fold in {user.username.casefold(), user.sub}
                or (user.email_verified and user.email.casefold() == fold)
            ),
            None,
        )

    def members(self, group: str) -> list[PoolUser]:
        """Return the users in this group."""
        return [user for user in self.users.values() if group in user.groups]

    def add_race(self, name: str, *, opens_at: float, closes_at: float, **fields: Any) -> Race:
        """Add a race."""
        race = Race(self.nano_id(), name, opens_at, closes_at, **fields)
        self.races[race.race_id] = race
        return race

    def add_model(self, profile_id: str, name: str, now: float, status: str = "READY") -> Model:
        """Add a model to a racer's garage."""
        model = Model(self.nano_id(), name, now, status)
        self.models.setdefault(profile_id, []).append(model)
        profile = self.profiles[profile_id]
        profile.models_counted = (profile.models_counted or 0) + 1
        return model

    def rank(self, race: Race, profile_id: str, score: int, now: float) -> None:
        """Enter a lap; only an improvement changes the row, and takes the racer's alias of this moment."""
        known = race.rankings.get(profile_id)
        count = known.submission + 1 if known else 1
        if known is None or score < known.score:
            alias = self.profiles[profile_id].alias
            race.rankings[profile_id] = Ranking(profile_id, alias, score, now, count)

    def begin_month(self) -> None:
        """Do what happens on the first of a month: used minutes and counted models begin at 0."""
        for profile in self.profiles.values():
            profile.minutes_used, profile.models_counted = 0, 0

    def nano_id(self) -> str:
        """Return a new id of 15 letters and digits."""
        return "".join(self.dice.choices(string.ascii_letters + string.digits, k=15))

    def guid(self) -> str:
        """Return a new GUID."""
        digits = f"{self.dice.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
