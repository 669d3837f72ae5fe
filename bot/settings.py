"""The settings: names from the environment, checked all at once, in frozen groups.

    environment (and .env) → references resolved → what shows across groups → each group by itself → Settings

A setting that is empty counts as not set. Slack and Teams are there when one of their settings is; at least
one of them is needed. Secrets are `SecretStr`, so that no log or traceback shows them.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import DotEnvSettingsSource

from bot.faults import Fault, Faulty, nearest
from bot.logs import clean
from bot.secret_references import ReferenceUnreadable, Resolver, is_reference, resolver
from bot.setting_groups import (
    THE_STORE,
    AwsSettings,
    BotSettings,
    DeepRacerSettings,
    EntraSettings,
    GraphSettings,
    Group,
    MailSettings,
    SlackSettings,
    TeamsSettings,
)

PREFIXES = ("SLACK_", "MICROSOFT_APP_", "TEAMS_", "ENTRA_", "GRAPH_", "DEEPRACER_", "BOT_")
OAUTH_NAMES = ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET")  # Bolt reads them by itself
WAKING = "Set it to the URL of a standard queue of SQS, https://sqs.eu-central-1.amazonaws.com/…/…."


class SettingsInvalid(Faulty):
    """Settings are missing or wrong; carries every fault."""


_GROUPS: Mapping[str, type[Group]] = {
    "slack": SlackSettings,
    "teams": TeamsSettings,
    "entra": EntraSettings,
    "graph": GraphSettings,
    "aws": AwsSettings,
    "deepracer": DeepRacerSettings,
    "mail": MailSettings,
    "bot": BotSettings,
}
_PLATFORMS = ("slack", "teams")


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, checked."""

    slack: SlackSettings | None
    teams: TeamsSettings | None
    entra: EntraSettings
    graph: GraphSettings
    aws: AwsSettings
    deepracer: DeepRacerSettings
    mail: MailSettings
    bot: BotSettings

    @classmethod
    def load(
        cls, environ: Mapping[str, str], *, env_file: Path | None = None, resolve: Resolver | None = None
    ) -> Self:
        """Read the settings from this mapping and, behind it, from a .env file.

        References to secrets are read through `resolve`, by default with boto3.
        Raises SettingsInvalid with every fault at once.
        """
        return cls(**_read(environ, _GROUPS.keys(), env_file=env_file, resolve=resolve))

    @classmethod
    def for_work(cls, environ: Mapping[str, str], *, speaks: bool = True) -> Self:
        """Read the settings of a process that receives nothing, and without `speaks` says nothing either.

        What it has no use for it need not be given, and cannot lose.
        """
        groups = _GROUPS.keys() - (() if speaks else _PLATFORMS)
        return cls(**_read(environ, groups, receives=False, alone=("BOT_QUEUE",)))

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings of this process, with the `.env` of the working folder where there is one.

        What libraries read for themselves (AWS_ENDPOINT_URL, SSL_CERT_FILE, …) is put into the environment.
        """
        env_file = Path(".env")
        ours = names()
        for name, text in _from_file(env_file).items():
            if name == "AWS_REGION" or (name not in ours and not name.startswith(PREFIXES)):
                os.environ.setdefault(name, text)
        return cls.load(os.environ, env_file=env_file)


def for_slack_alone(environ: Mapping[str, str]) -> tuple[SlackSettings, BotSettings]:
    """Read the settings of Slack's door where it stands alone: over HTTP, asking nobody.

    Raises SettingsInvalid with every fault in them.
    """
    given = {name: text for name, text in environ.items() if name != "SLACK_APP_TOKEN"}
    groups = _read(given, {"slack", "bot"}, alone=("SLACK_TEAM_IDS", "BOT_QUEUE"))
    return groups["slack"], groups["bot"]


def for_teams_alone(environ: Mapping[str, str]) -> tuple[TeamsSettings, BotSettings]:
    """Read the settings of the door of Teams where it stands alone. Raises SettingsInvalid."""
    groups = _read(environ, {"teams", "bot"}, alone=("BOT_QUEUE",))
    return groups["teams"], groups["bot"]


def _read(
    environ: Mapping[str, str],
    wanted: Collection[str],
    *,
    receives: bool = True,
    alone: Collection[str] = (),
    env_file: Path | None = None,
    resolve: Resolver | None = None,
) -> dict[str, Any]:
    """Read the groups of these names; the settings named in `alone` must be there, too.

    Raises SettingsInvalid with every fault in them.
    """
    given = {**_from_file(env_file), **{name: text for name, text in environ.items() if text.strip()}}
    if "AWS_DEFAULT_REGION" in given:
        given.setdefault("AWS_REGION", given["AWS_DEFAULT_REGION"])  # boto3's own name for it
    misspelt = _misspelt(given)
    present = {*given, *misspelt.values()}  # what is written wrongly is not reported as missing too
    faults = [_misspelling(name, meant) for name, meant in misspelt.items()]
    faults += _oauth(given)
    faults += _resolved(given, resolve or resolver(given), wanted)
    faults += _across(present, wanted, receives=receives)
    faults += [_missing(name) for name in alone if name not in present]
    if "BOT_QUEUE" in alone and given.get("BOT_QUEUE") == THE_STORE:
        faults += [Fault("BOT_QUEUE", "is store, so that nothing would wake the worker", WAKING)]
    groups: dict[str, Any] = dict.fromkeys(_PLATFORMS)
    for name, group in _GROUPS.items():
        if name not in wanted or (name in _PLATFORMS and name not in _platforms(present, wanted)):
            continue
        try:
            groups[name] = group.model_validate(given)
        except ValidationError as error:
            faults += _faults_of(error, present)
    if faults:
        raise SettingsInvalid(_first_of_each(faults))
    return groups


def names(groups: Collection[str] | None = None) -> dict[str, FieldInfo]:
    """Return every setting (of these groups) by its name in the environment, in the order of the groups."""
    return {
        str(field.alias): field
        for name, group in _GROUPS.items()
        if groups is None or name in groups
        for field in group.model_fields.values()
    }


def _from_file(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    source = DotEnvSettingsSource(BotSettings, env_file=path, env_file_encoding="utf-8", case_sensitive=True)
    return {name: text for name, text in source.env_vars.items() if text is not None and text.strip()}


def _resolved(given: dict[str, str], resolve: Resolver, wanted: Collection[str]) -> Iterator[Fault]:
    """Put secrets in place of the references to them; one that cannot be read is taken out."""
    for name, field in names(wanted).items():
        if _is_secret(field.annotation) and is_reference(given.get(name, "")):
            try:
                given[name] = resolve(given[name])
            except ReferenceUnreadable as error:
                del given[name]
                yield Fault(
                    name,
                    f"refers to a secret that cannot be read: {error}",
                    "Check it, and whether the bot has secretsmanager:GetSecretValue or ssm:GetParameter.",
                )


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def _misspelt(given: Mapping[str, str]) -> dict[str, str]:
    """Return the names that are no settings but look like one, each with the one that was meant."""
    known = names()
    unset = [name for name in known if name not in given and name.startswith(PREFIXES)]
    found: dict[str, str] = {}
    for name in given:
        if name in known or name in OAUTH_NAMES:
            continue
        if (
            name == "BOT_PORT" and given[name].isdigit()
        ):  # in Kubernetes a service named "bot" sets it to tcp://…
            found[name] = "PORT"
        elif meant := nearest(name, known, 0.8) if name.startswith(PREFIXES) else nearest(name, unset, 0.9):
            found[name] = meant
    return found


def _missing(name: str) -> Fault:
    return Fault(name, "is not set", f"Set it to {names()[name].description}.")


def _misspelling(name: str, meant: str) -> Fault:
    return Fault(name, "is no setting of the bot", f"Did you mean {meant}? Rename it.")


def _oauth(given: Mapping[str, str]) -> Iterator[Fault]:
    for name in OAUTH_NAMES:
        if name in given:
            yield Fault(
                name,
                "is set: Slack's library would drop the bot token and switch to OAuth",
                "Take it out of the environment; the bot needs only its bot token.",
            )


def _faults_of(error: ValidationError, present: Collection[str]) -> Iterator[Fault]:
    known = names()
    for found in error.errors(include_url=False, include_input=False):
        name = str(found["loc"][0])
        described = known[name].description
        if found["type"] == "fault":
            # What stands in the wrong setting may be a secret: a log, or a terminal, is no place for it.
            yield Fault(name, clean(found["msg"]), found["ctx"]["mend"])
        elif found["type"] != "missing":
            yield Fault(name, f"is wrong: {found['msg'].lower()}", f"It is {described}.")
        elif name not in present:
            yield _missing(name)


def _platforms(present: Collection[str], wanted: Collection[str]) -> frozenset[str]:
    """Return the wanted chat platforms that these settings are about; when they are about none, the first."""
    asked = [platform for platform in _PLATFORMS if platform in wanted]
    return frozenset([one for one in asked if not names([one]).keys().isdisjoint(present)] or asked[:1])


def _across(present: Collection[str], wanted: Collection[str], *, receives: bool) -> Iterator[Fault]:
    """Yield what no setting of the wanted groups shows by itself."""
    platforms = _platforms(present, wanted)
    if {*_PLATFORMS} <= {*wanted} and names(_PLATFORMS).keys().isdisjoint(present):
        known = names()
        yield Fault(
            "SLACK_BOT_TOKEN",
            "is not set, nor is anything of Teams",
            f"For Slack, set it to {known['SLACK_BOT_TOKEN'].description}. "
            f"For Teams, set MICROSOFT_APP_ID to {known['MICROSOFT_APP_ID'].description}.",
        )
    if "slack" in platforms:
        yield from _across_slack(present, receives=receives)
    if "deepracer" in wanted:
        yield from _across_racing(present)
    if "mail" in wanted and "MAIL_FROM" in present and not {"MAIL_REGION", "AWS_REGION"} & {*present}:
        yield Fault(
            "MAIL_REGION", "is not set, nor is AWS_REGION", f"Set it to {names()['MAIL_REGION'].description}."
        )
    if "teams" in platforms:
        yield from _one_credential(
            "the bot in Teams", "MICROSOFT_APP_PASSWORD", "MICROSOFT_APP_CERTIFICATE", None, present
        )
    if "entra" in wanted:
        yield from _one_credential(
            "Entra", "ENTRA_CLIENT_SECRET", "ENTRA_CLIENT_CERTIFICATE", "AZURE_FEDERATED_TOKEN_FILE", present
        )


def _across_slack(present: Collection[str], *, receives: bool) -> Iterator[Fault]:
    known = names()
    if receives and not {"SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"} & {*present}:
        yield Fault(
            "SLACK_SIGNING_SECRET",
            "is not set, so no request over HTTP could be verified",
            f"Set it to {known['SLACK_SIGNING_SECRET'].description}; or set SLACK_APP_TOKEN for Socket Mode.",
        )
    if "SLACK_APP_TOKEN" in present and "SLACK_BOT_TOKEN" not in present:
        yield Fault(
            "SLACK_BOT_TOKEN",
            "is not set beside SLACK_APP_TOKEN: Socket Mode receives, but answers need the bot token",
            f"Set it to {known['SLACK_BOT_TOKEN'].description}.",
        )


def _across_racing(present: Collection[str]) -> Iterator[Fault]:
    """Yield what is wrong when half of the bot's user on a racing site is set."""
    known, service_user = names(), {"DEEPRACER_ADMIN_USER", "DEEPRACER_ADMIN_PASSWORD"}
    if len(half := service_user & {*present}) == 1:
        (missing,) = service_user - half
        what = f"is not set beside {', '.join(half)}"
        yield Fault(missing, what, f"Set it to {known[missing].description}.")


def _one_credential(
    whose: str, secret: str, certificate: str, federated: str | None, present: Collection[str]
) -> Iterator[Fault]:
    """Yield what is wrong when there is not exactly one credential."""
    if secret in present and certificate in present:
        yield Fault(
            secret,
            f"is set beside {certificate}, and only one can be used",
            "Keep the certificate, take the secret out.",
        )
    of_the_platform = {federated, "ENTRA_AWS_TOKEN_AUDIENCE"} if federated else set()
    if {secret, certificate, *of_the_platform}.isdisjoint(present):
        others = f", or {federated} (workload identity)" if federated else ""
        yield Fault(
            secret,
            f"is not set, and neither is another credential for {whose}",
            f"Set it, or {certificate}{others}.",
        )


def _first_of_each(faults: list[Fault]) -> Iterator[Fault]:
    """Yield the first fault of every setting: the later ones follow from it."""
    seen: set[str] = set()
    for fault in faults:
        if fault.name not in seen:
            seen.add(fault.name)
            yield fault
