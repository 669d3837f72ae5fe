"""The template says what AWS takes, and no more than the bot needs.

Each rule is proven by a mistake planted into the template; what lint finds by itself is left to lint.
"""

import copy
import importlib
import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from cfnlint.api import lint

from adapters.dynamodb.definition import DEFINITION
from bot import settings
from bot.embedded_metrics import UNITS
from tests.infra import template_rules as rules

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "infra" / "template.yaml").read_text(encoding="utf-8")
OF_THE_QUEUE = "BOT_QUEUE"
Template = dict[str, Any]


@pytest.fixture(scope="module")
def written() -> Template:
    return rules.read(TEXT)


@pytest.fixture
def template(written: Template) -> Template:
    """A copy to plant mistakes into."""
    return copy.deepcopy(written)


def properties(template: Template, name: str) -> Any:
    return template["Resources"][name]["Properties"]


# --- rules --------------------------------------------------------------------------------------------------


def test_the_template_keeps_every_rule(written: Template) -> None:
    assert rules.complaints(written) == []


def _schedule(said: str) -> Callable[[Template], None]:
    return lambda template: properties(template, "EveryMinute").update(ScheduleExpression=said)


def _fifo_without_its_name(template: Template) -> None:
    for name in ("Bell", "DeadLetters"):
        properties(template, name)["FifoQueue"] = True
    properties(template, "WorkerHears")["BatchSize"] = 10


def _fifo(template: Template) -> None:
    for name in ("Bell", "DeadLetters"):
        properties(template, name).update(FifoQueue=True, QueueName=f"{name}.fifo")


def _fifo_bell_alone(template: Template) -> None:
    properties(template, "Bell").update(FifoQueue=True, QueueName="bell.fifo")


def _schedule_to_fifo(**more: Any) -> Callable[[Template], None]:
    def plant(template: Template) -> None:
        _fifo(template)
        properties(template, "Bell").update(more.pop("queue", {}))
        properties(template, "EveryMinute")["Target"] = {"Arn": {"Fn::GetAtt": ["Bell", "Arn"]}, **more}

    return plant


def _scheduled_dead_letters_to_fifo(template: Template) -> None:
    _fifo(template)
    dead = {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    properties(template, "EveryMinute")["Target"]["DeadLetterConfig"] = dead


def _handler(handler: Any) -> Callable[[Template], None]:
    return lambda template: properties(template, "Worker").update(Handler=handler)


def _set(name: str, **more: Any) -> Callable[[Template], None]:
    return lambda template: properties(template, name).update(more)


def _drop(name: str, key: str) -> Callable[[Template], None]:
    return lambda template: properties(template, name).pop(key)


def _allow(action: str, resource: str) -> Callable[[Template], None]:
    statement = {"Effect": "Allow", "Action": [action], "Resource": resource}
    return lambda template: properties(template, "EveryFunction")["PolicyDocument"]["Statement"].append(
        statement
    )


def _token_for_anybody(template: Template) -> None:
    [statement] = properties(template, "ShowEntraTheRole")["PolicyDocument"]["Statement"]
    del statement["Condition"]


def _token_of_no_audience(template: Template) -> None:
    [statement] = properties(template, "ShowEntraTheRole")["PolicyDocument"]["Statement"]
    del statement["Condition"]["Null"]


def _delete_the_rows(template: Template) -> None:
    template["Resources"]["Table"]["DeletionPolicy"] = "Delete"


def _new_resource(kind: str, **given: Any) -> Callable[[Template], None]:
    return lambda template: template["Resources"].update(New={"Type": kind, "Properties": given})


def _output_of(name: str) -> Callable[[Template], None]:
    output = {"Description": "Where it is.", "Value": {"Fn::Sub": f"https://${{{name}}}.example"}}
    return lambda template: template["Outputs"].update(Address=output)


def _one_worker(template: Template) -> None:
    template["Parameters"]["WorkersAtOnce"]["MinValue"] = 1


def _unused_parameter(template: Template) -> None:
    template["Parameters"]["Color"] = {"Type": "String"}


def _anybody_may_take_the_role(template: Template) -> None:
    trusted = properties(template, "WorkerRole")["AssumeRolePolicyDocument"]["Statement"]
    trusted[0]["Principal"] = {"AWS": "*"}


TIME = "<aws.scheduler.scheduled-time>"
MISTAKES: dict[str, tuple[Callable[[Template], None], str]] = {
    "rate(15 minute)": (_schedule("rate(15 minute)"), "is no schedule"),
    "rate(1 minutes)": (_schedule("rate(1 minutes)"), "is no schedule"),
    "a cron of five fields": (_schedule("cron(0 9 * * *)"), "is no schedule"),
    "FIFO without .fifo": (_fifo_without_its_name, "ends in .fifo"),
    ".fifo without FIFO": (_set("Bell", QueueName="bell.fifo"), "ends in .fifo"),
    "FIFO with standard dead letters": (_fifo_bell_alone, "of another kind"),
    "FIFO in large batches": (_fifo, "at most 10"),
    "no MessageGroupId": (_schedule_to_fifo(), "no MessageGroupId"),
    "no deduplication": (
        _schedule_to_fifo(SqsParameters={"MessageGroupId": "clock"}),
        "lacks ContentBasedDeduplication",
    ),
    "the same body every time": (
        _schedule_to_fifo(
            SqsParameters={"MessageGroupId": "clock"}, queue={"ContentBasedDeduplication": True}, Input="{}"
        ),
        "is a duplicate",
    ),
    "a schedule's dead letters on FIFO": (_scheduled_dead_letters_to_fifo, "must go to a standard queue"),
    "a numeric handler": (_handler(5), "is no handler"),
    "a handler that is a file": (_handler("bot/entry/worker.py"), "is no handler"),
    "visible too soon": (_set("Bell", VisibilityTimeout=180), "must hide a batch for 360 seconds"),
    "visible by default": (_drop("Bell", "VisibilityTimeout"), "must hide a batch for 360 seconds"),
    "no dead letters": (_drop("Bell", "RedrivePolicy"), "has no dead-letter queue"),
    "all or nothing": (_drop("WorkerHears", "FunctionResponseTypes"), "would fail the whole batch"),
    "no window": (_drop("WorkerHears", "MaximumBatchingWindowInSeconds"), "needs a batching window"),
    "one worker": (_one_worker, "2 or more"),
    "any number of workers": (_drop("WorkerHears", "ScalingConfig"), "2 or more"),
    "every action": (_allow("dynamodb:*", "arn:aws:dynamodb:::table/t"), "more than anybody has read"),
    "every resource": (_allow("dynamodb:GetItem", "*"), "is not one resource"),
    "every table": (_allow("dynamodb:GetItem", "arn:aws:dynamodb:::table/*"), "is not one resource"),
    "a token for anybody": (_token_for_anybody, "is not one resource"),
    "a token for nobody said": (_token_of_no_audience, "is not one resource"),
    "a shared role": (_set("Clock", Role={"Fn::GetAtt": ["WorkerRole", "Arn"]}), "shares WorkerRole"),
    "a role for anybody": (_anybody_may_take_the_role, "somebody else than Lambda"),
    "rows that go": (_delete_the_rows, "would go with the stack"),
    "a queue in the clear": (_drop("Bell", "SqsManagedSseEnabled"), "is not encrypted"),
    "logs for ever": (_drop("WorkerLog", "RetentionInDays"), "is kept for ever"),
    "a log group of Lambda's own": (_drop("Worker", "LoggingConfig"), "is made by Lambda"),
    "one more address": (_set("SlackRoute", RouteKey="POST /slack/{any+}"), "is reached from outside"),
    "any method": (_set("SlackRoute", RouteKey="ANY /slack/events"), "is reached from outside"),
    "any number of requests": (_drop("Stage", "DefaultRouteSettings"), "takes any number"),
    "called from every address": (
        _set("SlackMayCall", SourceArn={"Fn::Sub": "arn:${Api}/*/*"}),
        "more than one address",
    ),
    "called by every API": (_drop("SlackMayCall", "SourceArn"), "more than one address"),
    "a function URL": (_new_resource("AWS::Lambda::Url", AuthType="NONE"), "is not throttled"),
    "a type that nobody looked at": (_new_resource("AWS::S3::Bucket"), "is on neither list"),
    "an output of what moto has not": (_output_of("Api"), "which moto passes over"),
    "a parameter without words": (_unused_parameter, "Color is not explained"),
    "a parameter without a group": (_unused_parameter, "Color is in no group"),
    "a parameter without use": (_unused_parameter, "Color is used nowhere"),
    "an alarm that nobody hears": (_drop("ThrottlesAlarm", "AlarmActions"), "is heard by nobody"),
    "an alarm without advice": (_set("ThrottlesAlarm", AlarmDescription="Oh."), "does not say what to do"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(template: Template, mistake: str) -> None:
    plant, complaint = MISTAKES[mistake]
    plant(template)

    assert [found for found in rules.complaints(template) if complaint in found]


def test_every_rule_is_proven_by_a_mistake(written: Template) -> None:
    def complains(rule: Callable[[Template], Iterator[str]], plant: Callable[[Template], None]) -> bool:
        template = copy.deepcopy(written)
        plant(template)
        return bool([*rule(template)])

    for rule in rules.RULES:
        assert any(complains(rule, plant) for plant, _ in MISTAKES.values()), rule.__name__


def test_lint_finds_nothing() -> None:
    assert [str(found) for found in lint(TEXT)] == []


def test_lint_would_find_a_misspelt_property() -> None:
    queue = 'Resources: {Q: {Type: "AWS::SQS::Queue", Properties: {VisibilityTimeOut: 5}}}'

    assert [found.rule.id for found in lint(queue)] == ["E3002"]


# --- the template and the code ------------------------------------------------------------------------------


def functions(template: Template) -> dict[str, Any]:
    return rules.of_type(template, "AWS::Lambda::Function")


def test_the_table_is_the_one_that_the_store_defines(written: Template) -> None:
    assert properties(written, "Table") == DEFINITION


def test_every_handler_can_be_imported_and_called(written: Template) -> None:
    if importlib.util.find_spec("bot.entry") is None:
        pytest.skip("there are no entry points yet")
    for function in functions(written).values():
        module, _, name = function["Handler"].rpartition(".")

        assert callable(getattr(importlib.import_module(module), name))


def test_every_function_may_use_the_table_and_ring(written: Template) -> None:
    # moto passes over what a role lists here, so it is read from the template.
    for name in functions(written):
        assert properties(written, f"{name}Role")["ManagedPolicyArns"] == [{"Ref": "EveryFunction"}]


def test_cloudformation_takes_the_template_as_a_text() -> None:
    assert len(TEXT.encode()) <= 51_200


def test_every_variable_of_a_function_is_a_setting(written: Template) -> None:
    for function in functions(written).values():
        assert set(function["Environment"]["Variables"]) <= {*settings.names(), OF_THE_QUEUE}


def test_a_function_is_given_what_it_needs_and_no_secret_that_it_has_no_use_for(written: Template) -> None:
    required = {name for name, field in settings.names().items() if field.is_required()}
    platforms: dict[str, tuple[str, ...]] = {
        "SlackFront": ("SLACK_",),
        "TeamsFront": ("MICROSOFT_",),
        "Clock": ("ENTRA_",),
    }
    platforms["Worker"] = ("SLACK_", "MICROSOFT_", "ENTRA_")

    assert set(platforms) == set(functions(written))
    for name, function in functions(written).items():
        given = set(function["Environment"]["Variables"])
        own = {one for one in given if one.startswith(("SLACK_", "MICROSOFT_", "ENTRA_"))}
        assert {one for one in required if one.startswith(platforms[name])} <= own
        assert all(one.startswith(platforms[name]) for one in own)


def test_a_secret_is_never_a_parameter_but_a_reference_to_one(written: Template) -> None:
    secret = {name for name, field in settings.names().items() if "SecretStr" in str(field.annotation)}
    for function in functions(written).values():
        variables = function["Environment"]["Variables"]
        for name in secret & set(variables):
            match variables[name]:
                case {"Fn::If": [_, value, {"Ref": "AWS::NoValue"}]}:
                    pass
                case value:
                    pass
            assert re.fullmatch(rf"\${{\w+SecretArn}}:{name}::", value["Fn::Sub"])


def test_a_function_may_read_the_secrets_that_it_refers_to_and_no_others(written: Template) -> None:
    read: dict[str, set[str]] = {role: set() for role in rules.of_type(written, "AWS::IAM::Role")}
    for name, statement in rules.statements(written):
        if "secretsmanager:GetSecretValue" in rules.actions(statement):
            roles = {name} if name in read else {*rules.mentioned(properties(written, name)["Roles"])}
            for role in roles:
                read[role] |= {*rules.mentioned(statement["Resource"])}
    for function in functions(written).values():
        [role] = rules.mentioned(function["Role"])
        variables = function["Environment"]["Variables"]

        assert read[role] == {one for one in rules.mentioned(variables) if one.endswith("SecretArn")}


def test_only_what_the_code_calls_in_the_directories_is_allowed(written: Template) -> None:
    readme = re.findall(
        r"```json\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    directories = ("cognito-idp:", "identitystore:", "sso:")
    stated = [one for policy in readme for one in json.loads(policy)["Statement"]]
    needed = {action for one in stated for action in one["Action"] if action.startswith(directories)}
    allowed: dict[str, set[str]] = {}
    for name, statement in rules.statements(written):
        found = {action for action in rules.actions(statement) if action.startswith(directories)}
        for role in rules.mentioned(properties(written, name).get("Roles", [])):
            allowed.setdefault(role, set()).update(found)
        assert not found or "Roles" in properties(written, name)

    assert allowed["WorkerRole"] == needed
    assert all(action.split(":")[1].startswith(("Describe", "List")) for action in allowed["ClockRole"])
    assert set(allowed) == {"WorkerRole", "ClockRole"}


def test_only_what_the_store_calls_is_allowed_on_the_table(written: Template) -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "adapters" / "dynamodb").glob("*.py")
    )
    operations = botocore.session.get_session().get_service_model("dynamodb").operation_names
    called = {one for one in operations if f'"{one}"' in source or f'"{xform_name(one)}"' in source}
    # A transaction is allowed by what is in it; the table is looked at when the store is opened.
    # All of it is read by whoever moves into it, and by no function.
    needed = (called - {"TransactWriteItems", "Scan"}) | {"ConditionCheckItem", "DescribeTable"}
    [rows] = [one for _, one in rules.statements(written) if one["Sid"] == "Rows"]

    assert set(rules.actions(rows)) == {f"dynamodb:{action}" for action in needed}


def test_only_what_the_code_calls_is_allowed_on_the_queues(written: Template) -> None:
    def called_in(module: str) -> set[str]:
        source = (ROOT / "adapters" / "aws" / f"{module}.py").read_text(encoding="utf-8")
        operations = botocore.session.get_session().get_service_model("sqs").operation_names
        found = {one for one in operations if f'"{one}"' in source or f'"{xform_name(one)}"' in source}
        # IAM knows the single forms alone; they allow the batches.
        return {f"sqs:{one.removesuffix('Batch')}" for one in found}

    allowed: dict[tuple[str, str], set[str]] = {}
    for name, statement in rules.statements(written):
        found = {action for action in rules.actions(statement) if action.startswith("sqs:")}
        for queue in rules.mentioned(statement["Resource"]) if found else ():
            allowed[name, queue] = found

    lambda_calls = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}  # the mapping's own
    assert allowed == {
        ("EveryFunction", "Bell"): {"sqs:SendMessage"},
        ("WorkerRole", "Bell"): called_in("bell") - {"sqs:SendMessage"} | lambda_calls,
        ("WorkerRole", "DeadLetters"): called_in("dead_letters") - {"sqs:SendMessage"},
    }


def test_every_alarm_and_graph_of_the_bots_own_metrics_is_of_one_that_a_function_writes(
    written: Template,
) -> None:
    watched: set[tuple[str, str]] = set()
    for alarm in rules.of_type(written, "AWS::CloudWatch::Alarm").values():
        if alarm.get("Namespace") == {"Ref": "AWS::StackName"} and "Dimensions" in alarm:
            [function] = alarm["Dimensions"]
            watched.add((function["Value"], alarm["MetricName"]))
    board = properties(written, "Dashboard")["DashboardBody"]["Fn::Sub"]
    watched |= {
        (function, name)
        for name, function in re.findall(r'\["\$\{AWS::StackName\}", "(\w+)", "function", "(\w+)"', board)
    }
    writers = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "bot" / "entry").glob("*.py")}

    assert len(watched) > 5
    for function, name in watched:
        assert name in UNITS
        assert f'EmbeddedMetrics("{function}"' in writers[function]
    for function in functions(written).values():
        assert function["Environment"]["Variables"]["BOT_METRICS_NAMESPACE"] == {"Ref": "AWS::StackName"}


def test_the_default_python_is_one_that_the_project_runs_on(written: Template) -> None:
    runtime = written["Parameters"]["Runtime"]

    assert runtime["Default"] in runtime["AllowedValues"]
    assert "python3.11" not in runtime["AllowedValues"]  # Amazon Linux 2: too old for the libraries' wheels


def test_every_alarm_is_explained_where_it_says_so(written: Template) -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    sections = {
        title.lower(): body
        for title, body in re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", text, re.MULTILINE)
    }
    alarms = rules.of_type(written, "AWS::CloudWatch::Alarm")
    for name, alarm in alarms.items():
        [title] = re.findall(r"See docs/operations\.md, (.+)\.", alarm["AlarmDescription"])
        assert f"`{name}`" in sections[title]

    assert set(re.findall(r"`(\w+Alarm)`", text)) == set(alarms)
