"""What a CloudFormation template may not say, beside what cfn-lint finds: each rule yields its complaints.

Where these come from: a template that lint and a simulated deployment both accept, and that does nothing on
AWS, or too much.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

Template = Mapping[str, Any]
Resource = Mapping[str, Any]

# The types that moto makes when it deploys a template; a test reads every one of them back.
MADE_BY_MOTO: Final = frozenset(
    {
        "AWS::CloudWatch::Dashboard",
        "AWS::DynamoDB::Table",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
    }
)
# The types that moto (5.2.5) passes over without an error. They are judged by lint and by the rules below.
PASSED_OVER_BY_MOTO: Final = frozenset(
    {
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route",
        "AWS::ApiGatewayV2::Stage",
        "AWS::CloudWatch::Alarm",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Logs::MetricFilter",
        "AWS::SNS::Subscription",
        "AWS::SQS::QueuePolicy",
        "AWS::Scheduler::Schedule",
    }
)
ROUTES: Final = frozenset({"POST /slack/events", "POST /api/messages"})
# Where a resource may be named by its kind alone: what is looked up there has no name before it is found.
OF_NO_RESOURCE = {"ses:GetSuppressedDestination"}  # the Service Authorization Reference knows none for these
KINDS_OF_RESOURCES: Final = (
    "/index/*",
    "identitystore:::user/*",
    "identitystore:::membership/*",
)
TOKEN: Final = "sts:GetWebIdentityToken"  # is of no resource; whom it is for must be said
VISIBILITY: Final = 6  # times the function's timeout, as AWS asks for
FIFO_BATCH: Final = 10
_RATE = re.compile(r"rate\((?:1 (?:minute|hour|day)|(?!1 )[1-9]\d* (?:minutes|hours|days))\)")
_CRON = re.compile(r"cron\(\S+(?: \S+){5}\)")
_AT = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)")
_HANDLER = re.compile(r"[a-z_]\w*(?:\.[a-z_]\w*)+")
_MENTIONED = re.compile(r"\$\{([A-Za-z]\w*)(?:\.\w+)?\}")


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms written out: `!Ref x` as `{Ref: x}`."""


def _written_out(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", maxsplit=1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _written_out)


def read(text: str) -> dict[str, Any]:
    """Return the template as a mapping, every function in its long form."""
    template: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with our own tags
    return template


def of_type(template: Template, *types: str) -> dict[str, dict[str, Any]]:
    """Return the properties of the resources of these types, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] in types
    }


def mentioned(node: Any) -> Iterator[str]:
    """Yield every name that a value refers to: by Ref, GetAtt, Sub or as a condition."""
    match node:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from _MENTIONED.findall(text)
        case {"Fn::Sub": [str(text), given]}:
            yield from (name for name in _MENTIONED.findall(text) if name not in given)
            yield from mentioned(given)
        case dict():
            yield from (name for value in node.values() for name in mentioned(value))
        case list():
            yield from (name for value in node for name in mentioned(value))


def statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every statement about what a role may do, with the logical id it stands under."""
    for name, properties in of_type(template, "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy").items():
        yield from ((name, one) for one in properties["PolicyDocument"]["Statement"])
    for name, properties in of_type(template, "AWS::IAM::Role").items():
        for policy in properties.get("Policies", ()):
            yield from ((name, one) for one in policy["PolicyDocument"]["Statement"])


def actions(statement: Mapping[str, Any]) -> list[str]:
    """Return the actions of a statement."""
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def types(template: Template) -> Iterator[str]:
    """A type is on one of the two lists, so that nobody believes in a resource that no test looked at."""
    for name, resource in template["Resources"].items():
        if resource["Type"] not in MADE_BY_MOTO | PASSED_OVER_BY_MOTO:
            yield f"{name}: {resource['Type']} is on neither list"


def outputs(template: Template) -> Iterator[str]:
    """An output reads nothing that moto passes over: it would answer 500 for the whole stack."""
    for name, output in template["Outputs"].items():
        for read_from in mentioned(output):
            kind = template["Resources"].get(read_from, {}).get("Type")
            if kind in PASSED_OVER_BY_MOTO:
                yield f"{name} reads {read_from}, which moto passes over"
        if not output.get("Description"):
            yield f"{name} is not explained"


def schedules(template: Template) -> Iterator[str]:
    """A schedule is one that EventBridge takes: `rate(15 minute)` and `rate(1 minutes)` are not."""
    for name, properties in of_type(template, "AWS::Scheduler::Schedule", "AWS::Events::Rule").items():
        said = properties.get("ScheduleExpression", "")
        if not (_RATE.fullmatch(said) or _CRON.fullmatch(said) or _AT.fullmatch(said)):
            yield f"{name}: {said!r} is no schedule"


def fifo(template: Template) -> Iterator[str]:
    """A FIFO queue is named so, its dead letters go to another one, and what is sent to it has a group."""
    queues = of_type(template, "AWS::SQS::Queue")
    is_fifo = {name: bool(properties.get("FifoQueue")) for name, properties in queues.items()}
    for name, properties in queues.items():
        called = properties.get("QueueName")
        if is_fifo[name] != str(called).endswith(".fifo"):
            yield f"{name}: a FIFO queue's name ends in .fifo, and no other's does"
        for target in mentioned(properties.get("RedrivePolicy", {})):
            if target in queues and is_fifo[target] != is_fifo[name]:
                yield f"{name}: its dead letters go to a queue of another kind"


def scheduled_fifo(template: Template) -> Iterator[str]:
    """A schedule sends to a FIFO queue in a group, never the same body twice; what fails goes elsewhere."""
    queues = of_type(template, "AWS::SQS::Queue")
    is_fifo = {name: bool(properties.get("FifoQueue")) for name, properties in queues.items()}
    for name, properties in of_type(template, "AWS::Scheduler::Schedule").items():
        target = properties["Target"]
        for queue in mentioned(target["Arn"]):
            if not is_fifo.get(queue):
                continue
            if not target.get("SqsParameters", {}).get("MessageGroupId"):
                yield f"{name}: what is sent to {queue} has no MessageGroupId"
            if not queues[queue].get("ContentBasedDeduplication"):
                yield f"{name}: {queue} lacks ContentBasedDeduplication, which a schedule needs"
            elif "<aws.scheduler.scheduled-time>" not in target.get("Input", ""):
                yield f"{name}: the same body twice is a duplicate; put the scheduled time into it"
        for queue in mentioned(target.get("DeadLetterConfig", {})):
            if is_fifo.get(queue):
                yield f"{name}: its dead letters must go to a standard queue"


def handlers(template: Template) -> Iterator[str]:
    """A handler is the dotted name of a function, not a number and not a file."""
    for name, properties in of_type(template, "AWS::Lambda::Function").items():
        handler = properties.get("Handler")
        if not isinstance(handler, str) or not _HANDLER.fullmatch(handler):
            yield f"{name}: {handler!r} is no handler"


def listening(template: Template) -> Iterator[str]:
    """A batch is invisible for six times the function's time, fails item by item, and is bounded."""
    functions, queues = of_type(template, "AWS::Lambda::Function"), of_type(template, "AWS::SQS::Queue")
    for name, properties in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        [function] = mentioned(properties["FunctionName"])
        [queue] = mentioned(properties["EventSourceArn"])
        needed = VISIBILITY * int(functions[function]["Timeout"])
        if int(queues[queue].get("VisibilityTimeout", 30)) < needed:
            yield f"{name}: {queue} must hide a batch for {needed} seconds"
        if "RedrivePolicy" not in queues[queue]:
            yield f"{name}: {queue} has no dead-letter queue"
        if properties.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: one bad item would fail the whole batch"
        if queues[queue].get("FifoQueue") and properties.get("BatchSize", FIFO_BATCH) > FIFO_BATCH:
            yield f"{name}: a FIFO queue gives at most {FIFO_BATCH} at once"
        if properties.get("BatchSize", 0) > FIFO_BATCH and not properties.get(
            "MaximumBatchingWindowInSeconds"
        ):
            yield f"{name}: more than {FIFO_BATCH} at once needs a batching window"
        at_most = properties.get("ScalingConfig", {}).get("MaximumConcurrency")
        if isinstance(at_most, dict):
            at_most = template["Parameters"][at_most["Ref"]].get("MinValue", 0)
        if at_most is None or int(at_most) < 2:
            yield f"{name}: MaximumConcurrency must be set, and 2 or more"


def _names_its_audience(condition: Mapping[str, Any]) -> bool:
    """Whether tokens are for a named audience alone: "for all values" holds as well where there is none."""
    named = "sts:IdentityTokenAudience"
    return (
        named in condition.get("ForAllValues:StringEquals", {})
        and condition.get("Null", {}).get(named) == "false"
    )


def permissions(template: Template) -> Iterator[str]:
    """A role may do what is named, where it is named."""
    for name, statement in statements(template):
        if statement["Effect"] != "Allow":
            continue
        for action in actions(statement):
            if "*" in action:
                yield f"{name}: {action} allows more than anybody has read"
        if actions(statement) == [TOKEN] and _names_its_audience(statement.get("Condition", {})):
            continue
        if set(actions(statement)) <= OF_NO_RESOURCE:
            continue
        for text in _texts(statement["Resource"]):
            for part in text.split(","):
                if "*" in part and not part.endswith(KINDS_OF_RESOURCES):
                    yield f"{name}: {part} is not one resource"


def roles(template: Template) -> Iterator[str]:
    """Each function has a role of its own that only Lambda may take."""
    taken: dict[str, str] = {}
    for name, properties in of_type(template, "AWS::Lambda::Function").items():
        [role] = mentioned(properties["Role"])
        if role in taken:
            yield f"{name} shares {role} with {taken[role]}"
        taken[role] = name
        trusted = template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        if [one["Principal"] for one in trusted] != [{"Service": "lambda.amazonaws.com"}]:
            yield f"{role}: somebody else than Lambda may take it"


def keeping(template: Template) -> Iterator[str]:
    """Rows outlive the stack, queues are encrypted, and logs end."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::DynamoDB::Table":
                if {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")} != {"Retain"}:
                    yield f"{name}: the rows would go with the stack"
            case "AWS::SQS::Queue":
                if properties.get("SqsManagedSseEnabled") is not True and not properties.get(
                    "KmsMasterKeyId"
                ):
                    yield f"{name} is not encrypted"
            case "AWS::Logs::LogGroup":
                if not properties.get("RetentionInDays"):
                    yield f"{name} is kept for ever"
            case "AWS::Lambda::Function":
                log = properties.get("LoggingConfig", {}).get("LogGroup")
                if not isinstance(log, dict) or log.get("Ref") not in of_type(
                    template, "AWS::Logs::LogGroup"
                ):
                    yield f"{name}: its log group is made by Lambda, which keeps it for ever"
            case _:
                pass


def addresses(template: Template) -> Iterator[str]:
    """Only the two addresses are reached from outside, slowly enough, and each function by its own alone."""
    for name, properties in of_type(template, "AWS::ApiGatewayV2::Route").items():
        if properties["RouteKey"] not in ROUTES:
            yield f"{name}: {properties['RouteKey']} is reached from outside"
    for name, properties in of_type(template, "AWS::ApiGatewayV2::Stage").items():
        limits = properties.get("DefaultRouteSettings", {})
        if not {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= set(limits):
            yield f"{name} takes any number of requests"
    for name, properties in of_type(template, "AWS::Lambda::Permission").items():
        source = properties.get("SourceArn", {}).get("Fn::Sub", "")
        if not source.endswith(tuple(route.replace(" ", "") for route in ROUTES)):
            yield f"{name}: its function is called from more than one address"
    for name in of_type(template, "AWS::Lambda::Url"):
        yield f"{name}: a function's own address is not throttled"


def parameters(template: Template) -> Iterator[str]:
    """Every parameter is explained, asked for in a group, and used."""
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = {name for group in groups for name in group["Parameters"]}
    used = {*mentioned(template["Resources"]), *mentioned(template.get("Conditions", {}))}
    for name, parameter in template["Parameters"].items():
        if not parameter.get("Description"):
            yield f"{name} is not explained"
        if name not in grouped:
            yield f"{name} is in no group"
        if name not in used:
            yield f"{name} is used nowhere"


def alarms(template: Template) -> Iterator[str]:
    """An alarm is heard, and says where it is written what to do."""
    for name, properties in of_type(template, "AWS::CloudWatch::Alarm").items():
        if not properties.get("AlarmActions"):
            yield f"{name} is heard by nobody"
        if not re.search(r"See docs/operations\.md, [a-z ]+\.$", properties.get("AlarmDescription", "")):
            yield f"{name} does not say what to do"


RULES: Final = (
    types,
    outputs,
    schedules,
    fifo,
    scheduled_fifo,
    handlers,
    listening,
    permissions,
    roles,
    keeping,
    addresses,
    parameters,
    alarms,
)


def complaints(template: Template) -> list[str]:
    """Return everything that is wrong with it."""
    return [found for rule in RULES for found in rule(template)]


def _texts(node: Any) -> Iterator[str]:
    """Yield every text in a value."""
    match node:
        case str():
            yield node
        case dict():
            yield from (text for value in node.values() for text in _texts(value))
        case list():
            yield from (text for value in node for text in _texts(value))
