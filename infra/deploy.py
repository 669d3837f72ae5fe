"""Deploy the bot to AWS: upload the package, show what would change, ask, apply, say the addresses.

deployment.toml ─┐
build/….zip ─────┼─▶ change set ─▶ shown ─▶ yes ─▶ applied ─▶ the addresses for Slack and Teams
template.yaml ───┘
Nothing is changed before the yes but for the bucket and what is in it. boto3 finds credentials and
`AWS_ENDPOINT_URL` in its own way.
"""

import argparse
import hashlib
import re
import sys
import time
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from bot.faults import nearest
from infra.package import BUILD, project_version
from infra.trimming import ROOT

TEMPLATE = ROOT / "infra" / "template.yaml"
POLL_SECONDS: Final = 3.0
KEYS: Final = {"stack", "region", "bucket", "parameters"}
FROM_THE_PACKAGE: Final = {"CodeBucket", "CodeKey", "Runtime"}
PATHS: Final = {"Slack": "/slack/events", "Teams": "/api/messages"}
_PACKAGE = re.compile(r"deepracer-bot-(?P<version>.+)-(?P<runtime>python3\.\d+)-arm64\.zip")
_NOTHING_TO_DO = ("didn't contain changes", "no updates are to be performed")
_ONLY_REVIEWED = "REVIEW_IN_PROGRESS"  # a change set was made for it, and none ever applied

Ask = Callable[[str], bool]


class CannotDeploy(Exception):
    """It was not deployed; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What deployment.toml says. `bucket` None: one named after the account, made when it is not there."""

    region: str
    parameters: Mapping[str, str]
    stack: str = "deepracer-bot"
    bucket: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Deployment":
        """Read the file. Raises CannotDeploy."""
        try:
            said = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise CannotDeploy(f"It is not TOML: {error}") from error
        parameters = said.get("parameters", {})
        known = template_parameters() | FROM_THE_PACKAGE
        if unknown := [*_unknown(said, KEYS), *_unknown(parameters, known)]:
            raise CannotDeploy(f"These keys mean nothing: {', '.join(unknown)}")
        if "region" not in said:
            raise CannotDeploy(
                "Say the region: the primary one of IAM Identity Center, if an event needs it."
            )
        if ours := FROM_THE_PACKAGE & set(parameters):
            raise CannotDeploy(f"The package decides this, leave it out: {', '.join(sorted(ours))}")
        return cls(
            said["region"],
            {name: _as_parameter(value) for name, value in parameters.items()},
            said.get("stack", "deepracer-bot"),
            said.get("bucket"),
        )


def template_parameters() -> frozenset[str]:
    """Return the names of the template's parameters."""
    block = re.search(
        r"^Parameters:\n(?P<all>(?:[ #].*\n|\n)*)", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return frozenset(re.findall(r"^  (\w+):", block["all"] if block else "", re.MULTILINE))


def _unknown(said: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """Yield the names that are none of those known, each with the one that was probably meant."""
    for name in said:
        if name not in known:
            meant = nearest(name, known)
            yield f"{name} (did you mean {meant}?)" if meant else name


def _as_parameter(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a change set."""

    action: str
    resource: str
    kind: str
    replacement: str

    @classmethod
    def read(cls, change: Mapping[str, Any]) -> "Change":
        """Read one from CloudFormation's answer."""
        told = change["ResourceChange"]
        replaced = {"True": "replaced", "Conditional": "may be replaced"}
        return cls(
            told["Action"].lower(),
            told["LogicalResourceId"],
            told["ResourceType"].removeprefix("AWS::"),
            replaced.get(told.get("Replacement", ""), ""),
        )


def package_of(files: Iterable[Path], version: str) -> tuple[Path, str]:
    """Return the package of this version with its runtime. Raises CannotDeploy unless there is just one."""
    found = [
        (path, form["runtime"])
        for path in files
        if (form := _PACKAGE.fullmatch(path.name)) and form["version"] == version
    ]
    if not found:
        raise CannotDeploy(f"There is no package of {version}. Make it: make package")
    if len(found) > 1:
        names = ", ".join(path.name for path, _ in found)
        raise CannotDeploy(f"There is more than one package: {names}. Delete all but one.")
    return found[0]


def addresses(api: str, region: str) -> dict[str, str]:
    """Return the addresses that Slack and Teams call."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    host = f"https://{api}.execute-api.{region}.{suffix}"
    return {platform: f"{host}{path}" for platform, path in PATHS.items()}


def shown(changes: Sequence[Change]) -> Table:
    """Return the changes as people read them."""
    table = Table("action", "resource", "type", "replacement", box=None, pad_edge=False)
    for change in changes:
        table.add_row(change.action, change.resource, change.kind, change.replacement)
    return table


@dataclass(slots=True)
class Deployer:
    """Deploys one stack, talking to AWS and to a terminal."""

    deployment: Deployment
    console: Console
    ask: Ask
    poll_seconds: float = POLL_SECONDS
    _cloudformation: Any = field(init=False)

    def __post_init__(self) -> None:
        self._cloudformation = boto3.client("cloudformation", region_name=self.deployment.region)

    def run(self, package: Path, runtime: str) -> bool:
        """Deploy. Returns False when somebody said no. Raises CannotDeploy or boto3's errors."""
        bucket, key = self._upload(package)
        parameters = {
            **self.deployment.parameters,
            "CodeBucket": bucket,
            "CodeKey": key,
            "Runtime": runtime,
        }
        name = self._change_set(parameters)
        changes = self._changes(name)
        if not changes:
            self._cloudformation.delete_change_set(StackName=self.deployment.stack, ChangeSetName=name)
            self.console.print("Nothing would change.")
        else:
            self.console.print(shown(changes))
            if not self.ask(f"Apply these {len(changes)} changes to {self.deployment.stack}?"):
                self._cloudformation.delete_change_set(StackName=self.deployment.stack, ChangeSetName=name)
                self.console.print("Nothing was changed.")
                return False
            before = self._events()
            self._cloudformation.execute_change_set(StackName=self.deployment.stack, ChangeSetName=name)
            self._follow({event["EventId"] for event in before})
        self._tell()
        return True

    # --- the package ---

    def _upload(self, package: Path) -> tuple[str, str]:
        s3 = boto3.client("s3", region_name=self.deployment.region)
        account = self._account()
        bucket = self.deployment.bucket or f"deepracer-bot-{account}-{self.deployment.region}"
        # A bucket of that name may be somebody else's.
        owned = {"Bucket": bucket, "ExpectedBucketOwner": account}
        if not _is_there(lambda: s3.head_bucket(**owned)):
            if self.deployment.bucket is not None:
                raise CannotDeploy(f"There is no bucket {bucket}.")
            self.console.print(f"Making the bucket {bucket}")
            self._make_bucket(s3, bucket)
        content = package.read_bytes()
        key = f"{hashlib.sha256(content).hexdigest()}.zip"
        if not _is_there(lambda: s3.head_object(**owned, Key=key)):
            self.console.print(f"Uploading {package.name}")
            s3.put_object(**owned, Key=key, Body=content)
        return bucket, key

    def _make_bucket(self, s3: Any, bucket: str) -> None:
        # us-east-1 is the one Region that must not be named.
        where = {"CreateBucketConfiguration": {"LocationConstraint": self.deployment.region}}
        s3.create_bucket(Bucket=bucket, **(where if self.deployment.region != "us-east-1" else {}))
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )

    def _account(self) -> str:
        sts = boto3.client("sts", region_name=self.deployment.region)
        return str(sts.get_caller_identity()["Account"])

    # --- the change set ---

    def _change_set(self, parameters: Mapping[str, str]) -> str:
        name = f"deploy-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        self._cloudformation.create_change_set(
            StackName=self.deployment.stack,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if self._status() not in {None, _ONLY_REVIEWED} else "CREATE",
            TemplateBody=TEMPLATE.read_text(encoding="utf-8"),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
            Tags=[{"Key": "application", "Value": "deepracer-bot"}],
        )
        return name

    def _changes(self, name: str) -> list[Change]:
        """Wait for the change set and return what is in it, all pages. Raises CannotDeploy when it failed."""
        asked = {"StackName": self.deployment.stack, "ChangeSetName": name}
        page = self._cloudformation.describe_change_set(**asked)
        while page["Status"] in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
            time.sleep(self.poll_seconds)
            page = self._cloudformation.describe_change_set(**asked)
        if page["Status"] == "FAILED":
            reason = page.get("StatusReason", "")
            if any(said in reason.lower() for said in _NOTHING_TO_DO):
                return []
            raise CannotDeploy(f"CloudFormation takes no such change: {reason}")
        changes = [Change.read(change) for change in page["Changes"]]
        while page.get("NextToken"):
            page = self._cloudformation.describe_change_set(**asked, NextToken=page["NextToken"])
            changes += [Change.read(change) for change in page["Changes"]]
        return changes

    # --- applying ---

    def _follow(self, seen: set[str]) -> None:
        """Tell what becomes of each resource until the stack is done. Raises CannotDeploy when it fails."""
        failed: list[str] = []
        while True:
            status = self._status() or ""
            for event in reversed(self._events()):
                if event["EventId"] in seen:
                    continue
                seen.add(event["EventId"])
                state, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
                if state.endswith("_FAILED"):
                    failed.append(f"{event['LogicalResourceId']}: {reason}")
                if not state.endswith("_IN_PROGRESS"):
                    self.console.print(f"  {state.lower().replace('_', ' '):24} {event['LogicalResourceId']}")
            if not status.endswith("_IN_PROGRESS"):
                break
            time.sleep(self.poll_seconds)
        if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            raise CannotDeploy("\n  ".join((f"The stack is {status}:", *failed)))

    def _events(self) -> list[dict[str, Any]]:
        """Return the newest events, the newest first."""
        found: list[dict[str, Any]] = self._cloudformation.describe_stack_events(
            StackName=self.deployment.stack
        )["StackEvents"]
        return found

    def _status(self) -> str | None:
        """Return how the stack is; None when there is none."""
        try:
            [stack] = self._cloudformation.describe_stacks(StackName=self.deployment.stack)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return str(stack["StackStatus"])

    # --- afterwards ---

    def _tell(self) -> None:
        made = self._resources()
        self.console.print(f"\n{self.deployment.stack} is deployed.")
        if api := made.get("Api"):
            for platform, address in addresses(api, self.deployment.region).items():
                if f"{platform}Route" in made:
                    self.console.print(f"  {platform} calls    {address}", soft_wrap=True)
        else:
            self.console.print("  No address: this CloudFormation made no HTTP API.")
        if "ShowEntraTheRole" in made:
            self.console.print("Entra has to trust two roles (once, see the README):")
            for role in ("WorkerRole", "ClockRole"):
                arn = f"arn:aws:iam::{self._account()}:role/{made[role]}"
                self.console.print(f"  --role {arn}", soft_wrap=True)
        self.console.print("To see it from here:")
        store = f"dynamodb://{made.get('Table')}?region={self.deployment.region}"
        self.console.print(f"  BOT_STORE={store} deepracer-bot doctor", soft_wrap=True, highlight=False)

    def _resources(self) -> dict[str, str]:
        """Return what was made: physical ids by logical ids."""
        pages = self._cloudformation.get_paginator("list_stack_resources")
        return {
            row["LogicalResourceId"]: row["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.deployment.stack)
            for row in page["StackResourceSummaries"]
            if row.get("PhysicalResourceId")
        }


def asked_on_the_terminal(question: str) -> bool:
    """Ask; only a yes is one."""
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


def main(arguments: Sequence[str] | None = None, *, poll_seconds: float = POLL_SECONDS) -> int:
    """Deploy as deployment.toml says. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description="Deploy the bot to AWS.")
    parser.add_argument(
        "file", type=Path, nargs="?", default=Path("deployment.toml"), help="what to deploy, and where"
    )
    parser.add_argument("--package", type=Path, help="the package; by default the one in build/")
    parser.add_argument("--yes", action="store_true", help="apply without asking")
    chosen = parser.parse_args(arguments)
    console = Console(highlight=False)
    if not chosen.yes and not sys.stdin.isatty():
        print("Nobody is here to be asked. Say --yes to apply without asking.", file=sys.stderr)
        return 2
    try:
        deployment = Deployment.parse(chosen.file.read_text(encoding="utf-8"))
        candidates = [chosen.package] if chosen.package else sorted(BUILD.glob("*.zip"))
        package, runtime = package_of(candidates, project_version())
        ask = (lambda _: True) if chosen.yes else asked_on_the_terminal
        return 0 if Deployer(deployment, console, ask, poll_seconds).run(package, runtime) else 1
    except FileNotFoundError as error:
        print(f"{error.filename} is not there; docs/deployment.example.toml shows one.", file=sys.stderr)
        return 2
    except (CannotDeploy, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1


def _is_there(look: Callable[[], object]) -> bool:
    """Whether something is there. Raises CannotDeploy when it may not be looked at."""
    try:
        look()
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:  # noqa: PLR2004
            return False
        if status == 403:  # noqa: PLR2004
            raise CannotDeploy(
                "The bucket is somebody else's, or these credentials may not see it."
            ) from error
        raise
    return True


if __name__ == "__main__":
    sys.exit(main())
