"""What each setting must look like. A check returns what is wrong and its mend, or None when all is well."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_core import PydanticCustomError

from adapters.chat.hosts import is_loopback

Wrong = tuple[str, str]  # what is wrong, and the mend
Check = Callable[[Any], Wrong | None]

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*(?::\d{{1,5}})?")
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")


def checked(check: Check) -> AfterValidator:
    """Return the validator that turns what the check finds into a fault."""

    def validate(value: Any) -> Any:
        wrong = check(value.get_secret_value() if isinstance(value, SecretStr) else value)
        if wrong is not None:
            raise _fault(*wrong)
        return value

    return AfterValidator(validate)


def _fault(what: str, mend: str) -> PydanticCustomError:
    return PydanticCustomError("fault", "{what}", {"what": what, "mend": mend})


def commas(value: object) -> object:
    """Split a comma-separated text; anything else is left as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def certificate_text() -> BeforeValidator:
    """Return the validator that reads a PEM file, and looks whether both parts are in it."""

    def validate(value: Any) -> Any:
        text = str(value)
        if "-----BEGIN" not in text:
            try:
                text = Path(text).expanduser().read_text(encoding="ascii")
            except (OSError, ValueError) as error:
                raise _fault(
                    f"names a file that cannot be read ({type(error).__name__})",
                    "Give the path of a PEM file, or its text.",
                ) from None
        for part in ("PRIVATE KEY", "CERTIFICATE"):
            if not re.search(rf"-----BEGIN [A-Z ]*{part}-----", text):
                raise _fault(
                    f"holds no {part.lower()}", "Put the private key and the certificate into one PEM file."
                )
        return text

    return BeforeValidator(validate)


# --- Slack --------------------------------------------------------------------------------------------------


def bot_token(text: str) -> Wrong | None:
    """Check the shape of a bot token."""
    where = "Copy the Bot User OAuth Token: api.slack.com/apps, your app, OAuth & Permissions."
    if text.startswith("xoxe"):
        return (
            "is a rotating token, which expires within 12 hours",
            "Switch token rotation off in the Slack app.",
        )
    if text.startswith("xapp-"):
        return "is an app-level token (xapp-…), not a bot token", f"That one is SLACK_APP_TOKEN. {where}"
    if text.startswith("xoxp-"):
        return "is a user token (xoxp-…), not a bot token", where
    return (
        None
        if re.fullmatch(r"xoxb-[A-Za-z0-9-]+", text)
        else ("does not look like a bot token (xoxb-…)", where)
    )


def app_token(text: str) -> Wrong | None:
    """Check the shape of an app-level token."""
    if re.fullmatch(r"xapp-[A-Za-z0-9-]+", text):
        return None
    where = "Make one with connections:write: api.slack.com/apps, your app, Basic Information."
    return "does not look like an app-level token (xapp-…)", where


def signing_secret(text: str) -> Wrong | None:
    """Check that the signing secret is no token and holds no blanks."""
    if text.startswith(("xox", "xapp-")) or re.search(r"\s", text):
        return (
            "does not look like a signing secret (32 hex digits)",
            "Copy the Signing Secret: api.slack.com/apps, your app, Basic Information, App Credentials.",
        )
    return None


def slack_api(text: str) -> Wrong | None:
    """Check the address of the Web API."""
    if not text.endswith("/api/"):
        return (
            "does not end in /api/",
            "Leave it out for Slack itself, or write it like https://slack.com/api/.",
        )
    return secure(text)


def team_ids(ids: tuple[str, ...]) -> Wrong | None:
    """Check workspace and organization ids."""
    wrong = [found for found in ids if not re.fullmatch(r"[TE][A-Z0-9]{2,}", found)]
    if wrong:
        return (
            f"has {', '.join(wrong)}, which is no workspace (T…) or organization (E…)",
            "Copy the ids from the address of your workspace: app.slack.com/client/T….",
        )
    return None


def hosts(found: tuple[str, ...]) -> Wrong | None:
    """Check exact hosts, with or without a port."""
    wrong = [host for host in found if not _HOST.fullmatch(host)]
    if wrong:
        return (
            f"has {', '.join(wrong)}, which is not an exact host",
            "Write each as host or host:port, without https:// and without *.",
        )
    return None


# --- Teams --------------------------------------------------------------------------------------------------


def app_type(text: str) -> Wrong | None:
    """Check the kind of bot: Azure makes no multi-tenant ones any more, and MSI ones run only in Azure."""
    if text.lower() == "singletenant":
        return None
    return f"is {text}, which this bot does not serve", "Make the bot a single-tenant one: SingleTenant."


def guids(found: tuple[str, ...]) -> Wrong | None:
    """Check several GUIDs."""
    wrong = [one for one in found if not _GUID.fullmatch(one)]
    return (f"has {', '.join(wrong)}, which is no GUID", "Copy the tenant IDs.") if wrong else None


def hosts_or_domains(found: tuple[str, ...]) -> Wrong | None:
    """Check hosts as `hosts` does, and domains with a dot in front, which stand for every host below them."""
    return hosts(tuple(host.removeprefix(".") for host in found))


# --- Entra and Graph ----------------------------------------------------------------------------------------


def guid(text: str) -> Wrong | None:
    """Check a GUID."""
    return None if _GUID.fullmatch(text) else ("is not a GUID", "Copy the ID: 8-4-4-4-12 hex digits.")


def tenant(text: str) -> Wrong | None:
    """Check a tenant: its GUID or one of its domains; never the shared names that admit every tenant."""
    if _GUID.fullmatch(text) or _DOMAIN.fullmatch(text):
        return None
    return "names no single tenant", "Set it to the directory (tenant) ID: Entra admin center, Overview."


def client_secret(text: str) -> Wrong | None:
    """Check that it is not the id of a secret, which stands beside the value and is copied by mistake."""
    if _GUID.fullmatch(text):
        return (
            "is the ID of a secret, not its value",
            "Copy the Value; when it is hidden, make a new client secret.",
        )
    return None


def authority(text: str) -> Wrong | None:
    """Check the authority: https, a host, and at most the tenant behind it."""
    url = _split(text)
    if url is None or url.scheme != "https" or not url.hostname:
        return "is not an https address", "Write https://host[:port]; msal accepts nothing else."
    if url.query or url.fragment or len([part for part in url.path.split("/") if part]) > 1:
        return "has more than a host and a tenant", "Write https://host[:port]; the tenant is appended."
    return None


def graph(text: str) -> Wrong | None:
    """Check Graph's address: a version at the end, no slash behind it."""
    if text.endswith("/"):
        return "ends in a slash", f"Write {text.rstrip('/')}."
    if not text.endswith(("/v1.0", "/beta")):
        return "ends in no version", "Write it like https://graph.microsoft.com/v1.0."
    return secure(text)


def scope(text: str) -> Wrong | None:
    """Check an app-only scope."""
    if text.endswith("/.default"):
        return None
    return (
        "does not end in /.default",
        "App-only tokens are asked for as https://graph.microsoft.com/.default.",
    )


# --- AWS ----------------------------------------------------------------------------------------------------


def region(text: str) -> Wrong | None:
    """Check the shape of a Region."""
    if re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", text):
        return None
    return "is not the name of a Region", "Write it like us-east-1."


def identity_store(text: str) -> Wrong | None:
    """Check an identity store id."""
    if re.fullmatch(r"d-[0-9a-f]{10}", text):
        return None
    return "is no identity store id", "Write d- and ten hex digits: IAM Identity Center, Settings."


def instance_arn(text: str) -> Wrong | None:
    """Check the ARN of an Identity Center instance."""
    if re.fullmatch(r"arn:aws[a-z-]*:sso:::instance/(sso)?ins-[A-Za-z0-9-.]{16}", text):
        return None
    return (
        "is no ARN of an instance",
        "Copy it from IAM Identity Center, Settings: arn:aws:sso:::instance/ssoins-….",
    )


def https(text: str) -> Wrong | None:
    """Check an https address."""
    url = _split(text)
    return (
        None
        if url and url.scheme == "https" and url.hostname
        else ("is not an https address", "Write https://…")
    )


def user_pool(text: str) -> Wrong | None:
    """Check the id of a user pool."""
    if re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d_[0-9a-zA-Z]+", text):
        return None
    return "is no id of a user pool", "Copy it from Amazon Cognito, User pools: us-east-1_AbCdEfGhI."


def identity_pool(text: str) -> Wrong | None:
    """Check the id of an identity pool."""
    if re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d:[0-9a-f-]{36}", text):
        return None
    return "is no id of an identity pool", "Copy it from Amazon Cognito, Identity pools: us-east-1:…."


def header(text: str) -> Wrong | None:
    """Check a text that is sent as a header."""
    if text.isascii() and text.isprintable():
        return None
    return "cannot be sent as a header", "Use printable ASCII characters."


def sender(text: str) -> Wrong | None:
    """Check the address that mail comes from, alone or as `Name <address>`."""
    if re.fullmatch(r"(?:[^<>@\n]{1,80} )?<?[^\s<>@,;]+@[a-z0-9-]+(\.[a-z0-9-]+)+>?", text) and (
        ("<" in text) == text.endswith(">")
    ):
        return None
    return "is no mail address", "Write it like racing@example.com, or DeepRacer <racing@example.com>."


# --- the bot ------------------------------------------------------------------------------------------------


def store(text: str) -> Wrong | None:
    """Check the address of the store."""
    if text.startswith("dynamodb:"):
        if re.fullmatch(r"dynamodb://[A-Za-z0-9_.-]{3,255}(\?region=[a-z0-9-]+)?", text):
            return None
        return "names no table of DynamoDB", "Write dynamodb://table or dynamodb://table?region=eu-central-1."
    if re.fullmatch(r"sqlite:///(?!.*[?#]).+", text) and not text.endswith("/"):
        return None
    return "names no store", "Write sqlite:///file, sqlite:////absolute/file or dynamodb://table."


def queue(text: str) -> Wrong | None:
    """Check where keys are queued: "store", or the URL of a queue of SQS."""
    return None if text == "store" else queue_url(text)


def queue_url(text: str) -> Wrong | None:
    """Check the URL of a queue: a standard one, because SQS holds no message of another back."""
    if urlsplit(text).path.count("/") != 2:  # noqa: PLR2004 - /account/name
        return "names no queue of SQS", "Copy the queue's URL, https://sqs.eu-central-1.amazonaws.com/…/…."
    if text.endswith(".fifo"):
        return "names a FIFO queue", "Make a standard queue: the bot's own queue keeps the order."
    return secure(text)


def metrics_namespace(text: str) -> Wrong | None:
    """Check a namespace as CloudWatch takes it; those of AWS itself are closed."""
    if re.fullmatch(r"[\w.\-/#:]{1,255}", text, re.ASCII) and not text.startswith(("AWS/", ":")):
        return None
    return "is no namespace of CloudWatch", "Use letters, digits and . - _ / # :, not beginning with AWS/."


def file(path: Path) -> Wrong | None:
    """Check that a file is there."""
    return (
        None if path.is_file() else (f"names {path}, which is no file", "Give the path of an existing file.")
    )


def secure(text: str) -> Wrong | None:
    """Check an address that is https, or http on loopback."""
    url = _split(text)
    if url is not None and url.hostname and not (url.query or url.fragment):
        if url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname)):
            return None
        return "is not https", "Use https; http is for loopback only."
    return "is no address", "Write https://host/…"


def _split(text: str) -> Any:
    try:
        url = urlsplit(text)
        _ = url.port  # raises for a port that is none
    except ValueError:
        return None
    return url
