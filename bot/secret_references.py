"""Secrets by reference: `arn:aws:secretsmanager:…` and `ssm:/path` instead of the secret itself.

A Secrets Manager reference may carry a JSON key behind the name, as in ECS task definitions:
`arn:aws:secretsmanager:eu-central-1:111122223333:secret:deepracer-AbCdEf:SLACK_BOT_TOKEN::`.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Clients = Callable[[str, str | None], Any]  # service name and region → boto3 client
Resolver = Callable[[str], str]  # reference → secret

_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:(?P<region>[a-z0-9-]+):\d{12}:secret:[^:]+")
_SSM = re.compile(r"ssm:(?P<name>/[A-Za-z0-9_./-]+)")


class ReferenceUnreadable(Exception):
    """A reference to a secret does not lead to one; the sentence says why, without the secret."""


def is_reference(value: str) -> bool:
    """Whether this is a reference to a secret rather than a secret."""
    return value.startswith("ssm:/") or re.match(r"arn:aws[a-z-]*:secretsmanager:", value) is not None


def boto3_clients(service: str, region: str | None) -> Any:
    """Make a boto3 client with the credentials, and the certificate authorities, of the environment."""
    import boto3

    from adapters.trust import ca_bundle

    return boto3.client(service, region_name=region, verify=ca_bundle())  # type: ignore[call-overload]


def resolver(environ: Mapping[str, str], clients: Clients = boto3_clients) -> Resolver:
    """Return a function that reads references, `ssm:` ones in the region of these settings.

    It raises ReferenceUnreadable for a reference that is malformed, forbidden, or leads nowhere.
    """
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")

    def read(reference: str) -> str:
        try:
            if reference.startswith("ssm:"):
                return _from_ssm(reference, clients, region)
            return _from_secrets_manager(reference, clients)
        except ReferenceUnreadable:
            raise
        except Exception as error:
            # botocore's own errors (no credentials, no region, AccessDenied) all mean the same here.
            code = getattr(error, "response", {}).get("Error", {}).get("Code") or type(error).__name__
            raise ReferenceUnreadable(f"AWS answered {code}") from error

    return read


def _from_ssm(reference: str, clients: Clients, region: str | None) -> str:
    form = _SSM.fullmatch(reference)
    if form is None:
        raise ReferenceUnreadable("it is not of the form ssm:/path")
    answer = clients("ssm", region).get_parameter(Name=form["name"], WithDecryption=True)
    return str(answer["Parameter"]["Value"])


def _from_secrets_manager(reference: str, clients: Clients) -> str:
    form = _ARN.match(reference)
    if form is None:
        raise ReferenceUnreadable("it is not the ARN of a secret")
    # Behind the name ECS allows json-key:version-stage:version-id, each of which may be empty.
    key, stage, version = [*reference[form.end() :].removeprefix(":").split(":"), "", "", ""][:3]
    wanted = {"VersionStage": stage, "VersionId": version}
    answer = clients("secretsmanager", form["region"]).get_secret_value(
        SecretId=form[0], **{name: value for name, value in wanted.items() if value}
    )
    text = answer.get("SecretString")
    if not isinstance(text, str):
        raise ReferenceUnreadable("the secret is binary, not text")
    return _value_of(text, key) if key else text


def _value_of(text: str, key: str) -> str:
    try:
        fields = json.loads(text)
    except json.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict) or not isinstance(fields.get(key), str):
        raise ReferenceUnreadable(f"the secret has no text under the JSON key {key}")
    return str(fields[key])
