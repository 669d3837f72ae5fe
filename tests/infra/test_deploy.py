"""One command deploys the template; what moto makes of it is read back, resource by resource.

moto runs no function and passes over some types without a word: `template_rules` lists which, and a type on
neither list fails.
"""

import contextlib
import io
import json
import re
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from adapters.dynamodb.definition import DEFINITION
from infra import deploy
from infra.deploy import CannotDeploy, Change, Deployment
from infra.package import project_version
from tests.contract.moto_server import serving
from tests.infra import template_rules as rules

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / "docs" / "deployment.example.toml").read_text(encoding="utf-8")
REGION = "eu-central-1"
WITHOUT_A_SECRET = "HasNoEntraSecret"  # the one condition that does not hold with every parameter in use
# What moto warns of is what `template_rules` lists; in the server's thread an error would be a 500.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse")


def everything_said() -> str:
    """The example with every parameter in use."""
    return re.sub(r"^# (?=[A-Z]\w+ = )", "", EXAMPLE, flags=re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account in which the bot was deployed once."""

    address: str
    file: Path
    package: Path
    template: Mapping[str, Any]

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=REGION,
            endpoint_url=self.address,
            aws_access_key_id="made-up",
            aws_secret_access_key="made-up",
        )

    def named(self, kind: str) -> list[str]:
        """Return the logical ids of the resources of a type that this deployment has."""
        resources = self.template["Resources"]
        return [
            name
            for name in rules.of_type(self.template, kind)
            if resources[name].get("Condition") != WITHOUT_A_SECRET
        ]

    def said(self, name: str) -> Any:
        """Return what the template says of a resource."""
        return self.template["Resources"][name]["Properties"]

    def rows(self, stack: str = "deepracer-bot") -> list[dict[str, Any]]:
        """Return what CloudFormation says it made; what moto passed over has no name."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        rows = [row for page in pages.paginate(StackName=stack) for row in page["StackResourceSummaries"]]
        return [row for row in rows if row.get("LogicalResourceId")]

    def made(self, name: str) -> str:
        """Return the physical id of a resource."""
        [found] = [row["PhysicalResourceId"] for row in self.rows() if row["LogicalResourceId"] == name]
        return str(found)

    def deploy(self, *more: str, typed: str = "") -> tuple[int, str]:
        """Deploy; returns the exit code and what was said."""
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AWS_ACCESS_KEY_ID", "made-up")
            environment.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
            environment.setenv("AWS_ENDPOINT_URL", self.address)
            environment.setenv("COLUMNS", "120")
            if typed:
                environment.setattr("sys.stdin", Terminal(typed))
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = deploy.main([str(self.file), "--package", str(self.package), *more], poll_seconds=0)
        return code, said.getvalue()


class Terminal(io.StringIO):
    """Somebody at a terminal who types this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Account, str]]:
    """The account, and what was said when the bot was deployed there for the first time."""
    folder = tmp_path_factory.mktemp("deployment")
    file = folder / "deployment.toml"
    file.write_text(everything_said(), encoding="utf-8")
    package = folder / f"deepracer-bot-{project_version()}-python3.13-arm64.zip"
    with zipfile.ZipFile(package, "w") as content:
        content.writestr("bot/__init__.py", "")
    template = rules.read((ROOT / "infra" / "template.yaml").read_text(encoding="utf-8"))
    with serving() as address:
        account = Account(address, file, package, template)
        code, said = account.deploy("--yes")
        assert code == 0, said
        yield account, said


@pytest.fixture
def account(first: tuple[Account, str]) -> Account:
    return first[0]


# --- what moto makes ----------------------------------------------------------------------------------------


def read_tables(account: Account, name: str) -> None:
    table = account.client("dynamodb").describe_table(TableName=account.made(name))["Table"]
    indexes = [
        {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
        for index in table["GlobalSecondaryIndexes"]
    ]

    assert table["KeySchema"] == DEFINITION["KeySchema"]
    assert indexes == DEFINITION["GlobalSecondaryIndexes"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"]


def read_queues(account: Account, name: str) -> None:
    sqs, said = account.client("sqs"), account.said(name)
    found = sqs.get_queue_attributes(QueueUrl=account.made(name), AttributeNames=["All"])["Attributes"]

    assert int(found["MessageRetentionPeriod"]) == said["MessageRetentionPeriod"]
    if "RedrivePolicy" in said:
        dead = account.made("DeadLetters").rpartition("/")[2]
        assert int(found["VisibilityTimeout"]) == said["VisibilityTimeout"]
        assert json.loads(found["RedrivePolicy"])["deadLetterTargetArn"].endswith(f":{dead}")


def read_functions(account: Account, name: str) -> None:
    found = account.client("lambda").get_function_configuration(FunctionName=account.made(name))
    said = account.said(name)
    variables = found["Environment"]["Variables"]

    assert [found[key] for key in ("Handler", "MemorySize", "Timeout")] == [
        said[key] for key in ("Handler", "MemorySize", "Timeout")
    ]
    assert found["Runtime"] == "python3.13"
    assert found["Role"].endswith(f":role/{account.made(f'{name}Role')}")
    assert set(variables) == set(said["Environment"]["Variables"]) - {"ENTRA_AWS_TOKEN_AUDIENCE"}
    assert variables["BOT_STORE"] == f"dynamodb://{account.made('Table')}"
    assert variables["BOT_QUEUE"] == account.made("Bell")


def read_roles(account: Account, name: str) -> None:
    iam, said = account.client("iam"), account.said(name)
    [trusted] = iam.get_role(RoleName=account.made(name))["Role"]["AssumeRolePolicyDocument"]["Statement"]
    inline = iam.list_role_policies(RoleName=account.made(name))["PolicyNames"]

    assert trusted["Principal"] == said["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert {policy["PolicyName"] for policy in said["Policies"]} <= set(inline)


def read_policies(account: Account, name: str) -> None:
    said = account.said(name)
    for role in rules.mentioned(said["Roles"]):
        found = account.client("iam").get_role_policy(
            RoleName=account.made(role), PolicyName=said["PolicyName"]
        )["PolicyDocument"]

        assert_same_statements(found, said["PolicyDocument"])


def read_managed_policies(account: Account, name: str) -> None:
    iam, arn = account.client("iam"), account.made(name)
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert_same_statements(version["Document"], account.said(name)["PolicyDocument"])


def assert_same_statements(found: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """Assert that every statement is there, and that each resource in it is the ARN of something."""
    for one, other in zip(found["Statement"], said["Statement"], strict=True):
        resources = [one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"]
        assert (one["Sid"], one["Action"]) == (other["Sid"], other["Action"])
        if not set(one["Action"]) <= rules.OF_NO_RESOURCE:
            assert all(re.fullmatch(r"arn:aws:[a-z-]+:[^$,]*:[^$,]+", resource) for resource in resources)


def read_mappings(account: Account, name: str) -> None:
    found = account.client("lambda").get_event_source_mapping(UUID=account.made(name))

    assert found["EventSourceArn"].endswith(f":{account.made('Bell').rpartition('/')[2]}")
    assert found["FunctionArn"].endswith(f":{account.made('Worker')}")
    assert [found["BatchSize"], found["MaximumBatchingWindowInSeconds"]] == [100, 1]
    assert found["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert found["ScalingConfig"] == {"MaximumConcurrency": 2}


def read_permissions(account: Account, name: str) -> None:
    function = account.made(account.said(name)["FunctionName"]["Ref"])
    [found] = json.loads(account.client("lambda").get_policy(FunctionName=function)["Policy"])["Statement"]

    assert found["Action"] == "lambda:InvokeFunction"
    assert found["Principal"] == {"Service": "apigateway.amazonaws.com"}
    assert "execute-api" in found["Condition"]["ArnLike"]["AWS:SourceArn"]


def read_log_groups(account: Account, name: str) -> None:
    [found] = account.client("logs").describe_log_groups(logGroupNamePrefix=account.made(name))["logGroups"]

    assert found["retentionInDays"] == 30


def read_topics(account: Account, name: str) -> None:
    found = account.client("sns").get_topic_attributes(TopicArn=account.made(name))["Attributes"]

    assert found["DisplayName"] == account.said(name)["DisplayName"]


def read_dashboards(account: Account, name: str) -> None:
    body = account.client("cloudwatch").get_dashboard(DashboardName=account.made(name))["DashboardBody"]
    titles = [widget["properties"]["title"] for widget in json.loads(body)["widgets"]]

    assert len(titles) == len(set(titles))
    assert account.made("Table") in body


READ_BACK: dict[str, Callable[[Account, str], None]] = {
    "AWS::CloudWatch::Dashboard": read_dashboards,
    "AWS::DynamoDB::Table": read_tables,
    "AWS::IAM::ManagedPolicy": read_managed_policies,
    "AWS::IAM::Policy": read_policies,
    "AWS::IAM::Role": read_roles,
    "AWS::Lambda::EventSourceMapping": read_mappings,
    "AWS::Lambda::Function": read_functions,
    "AWS::Lambda::Permission": read_permissions,
    "AWS::Logs::LogGroup": read_log_groups,
    "AWS::SNS::Topic": read_topics,
    "AWS::SQS::Queue": read_queues,
}


@pytest.mark.parametrize("kind", sorted(rules.MADE_BY_MOTO))
def test_every_resource_of_a_type_that_moto_makes_is_there_as_the_template_says(
    account: Account, kind: str
) -> None:
    assert account.named(kind)
    for name in account.named(kind):
        READ_BACK[kind](account, name)


def test_the_list_of_types_that_moto_passes_over_is_true(account: Account) -> None:
    """When moto learns a type, it is to be read back too."""
    assert {row["ResourceType"] for row in account.rows()} == rules.MADE_BY_MOTO


# --- the command --------------------------------------------------------------------------------------------


def test_the_first_deployment_shows_every_resource_before_it_is_made(first: tuple[Account, str]) -> None:
    account, said = first
    before, _, after = said.partition("is deployed.")

    assert after
    for kind in rules.MADE_BY_MOTO | rules.PASSED_OVER_BY_MOTO:
        for name in account.named(kind):
            assert re.search(rf"^add +{name} +{kind.removeprefix('AWS::')}", before, re.MULTILINE)


def test_the_package_is_in_a_private_bucket_of_the_account_under_its_digest(account: Account) -> None:
    s3 = account.client("s3")
    [bucket] = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    closed = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    [key] = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]

    assert bucket == f"deepracer-bot-123456789012-{REGION}"
    assert all(closed.values())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == account.package.read_bytes()


def test_a_no_changes_nothing(account: Account) -> None:
    account.file.write_text(f'stack = "another"\n{everything_said()}', encoding="utf-8")
    code, said = account.deploy(typed="no\n")
    account.file.write_text(everything_said(), encoding="utf-8")

    assert code == 1
    assert "Nothing was changed." in said
    assert account.rows("another") == []


def test_without_a_secret_for_entra_the_roles_to_trust_are_said(account: Account) -> None:
    text = re.sub(r"^EntraSecretArn = .*$", "", everything_said(), flags=re.MULTILINE)
    account.file.write_text(f'stack = "secretless"\n{text}', encoding="utf-8")
    code, said = account.deploy("--yes")
    account.file.write_text(everything_said(), encoding="utf-8")
    roles = {row["LogicalResourceId"]: row.get("PhysicalResourceId") for row in account.rows("secretless")}

    assert code == 0
    for role in ("WorkerRole", "ClockRole"):
        assert f"--role arn:aws:iam::123456789012:role/{roles[role]}\n" in said


def test_where_nobody_can_be_asked_nothing_is_done_without_a_yes(account: Account) -> None:
    code, said = account.deploy()

    assert code == 2
    assert "--yes" in said


# --- the file, the package and the words --------------------------------------------------------------------


def test_the_example_names_every_parameter_that_is_not_the_package_s(account: Account) -> None:
    deployment = Deployment.parse(everything_said())

    assert set(deployment.parameters) == set(account.template["Parameters"]) - deploy.FROM_THE_PACKAGE
    assert set(Deployment.parse(EXAMPLE).parameters) >= {
        name
        for name, parameter in account.template["Parameters"].items()
        if "Default" not in parameter and name not in deploy.FROM_THE_PACKAGE
    }


def test_the_example_shows_the_defaults_of_how_it_runs(account: Account) -> None:
    _, _, running = everything_said().partition("these are the defaults.")

    for name, value in tomllib.loads(running).items():
        assert account.template["Parameters"][name]["Default"] == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("region = ", "not TOML"),
        ("[parameters]", "Say the region"),
        ('region = "eu-central-1"\nstackname = "x"', "stackname"),
        (
            'regoin = "eu-central-1"\nparameters = { EntraTenatId = "x" }',
            r"regoin \(did you mean region\?\), EntraTenatId \(did you mean EntraTenantId\?\)",
        ),
        ('region = "eu-central-1"\nparameters = { Runtime = "python3.13" }', "Runtime"),
    ],
)
def test_a_file_that_says_something_else_is_refused(text: str, said: str) -> None:
    with pytest.raises(CannotDeploy, match=said):
        Deployment.parse(text)


def test_the_runtime_is_the_one_that_the_package_was_made_for() -> None:
    path = Path("build/deepracer-bot-1.2.0-python3.14-arm64.zip")

    assert deploy.package_of([Path("build/deepracer-bot-teams.zip"), path], "1.2.0") == (path, "python3.14")


@pytest.mark.parametrize("names", [(), ("1.1.0-python3.13",), ("1.2.0-python3.13", "1.2.0-python3.14")])
def test_there_must_be_one_package_of_this_version(names: tuple[str, ...]) -> None:
    with pytest.raises(CannotDeploy, match="package"):
        deploy.package_of([Path(f"deepracer-bot-{name}-arm64.zip") for name in names], "1.2.0")


def test_the_addresses_are_those_that_the_template_serves(account: Account) -> None:
    said = deploy.addresses("a1b2c3", REGION)

    assert said["Slack"] == "https://a1b2c3.execute-api.eu-central-1.amazonaws.com/slack/events"
    assert said["Teams"] == "https://a1b2c3.execute-api.eu-central-1.amazonaws.com/api/messages"
    assert {f"POST {path}" for path in deploy.PATHS.values()} == rules.ROUTES
    for platform in said:
        assert account.said(f"{platform}Route")["RouteKey"] == f"POST {deploy.PATHS[platform]}"


def test_what_would_be_replaced_is_said() -> None:
    told = {
        "Action": "Modify",
        "LogicalResourceId": "Table",
        "ResourceType": "AWS::DynamoDB::Table",
        "Replacement": "True",
    }

    assert Change.read({"ResourceChange": told}) == Change("modify", "Table", "DynamoDB::Table", "replaced")
