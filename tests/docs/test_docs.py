"""What people read says what the code does: nothing is missing, nothing is promised that is not there."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from dotenv import dotenv_values

from bot import checks, grammar, settings, words
from bot.__main__ import app
from bot.admin.table import ADMIN_VERBS
from bot.admin.verbs import AdminVerb
from bot.event_file import KINDS, NOT_DEFINED, parse
from bot.logs import ACTIONS
from bot.metrics import measure
from provisioning.deciding import Stage
from provisioning.errors import by_code
from provisioning.events import Event
from provisioning.registrations import Step

ROOT = Path(__file__).resolve().parents[2]
PROSE = (
    "README.md",
    "CHANGELOG.md",
    "docs/why.md",
    "docs/words.md",
    "docs/runbook.md",
    "docs/settings.md",
    "docs/operations.md",
)
OUR_CODE = ("adapters", "bot", "provisioning")
GLOSSARY = (
    *("event", "racer", "organizer", "chat identity", "request", "registration", "binding", "gate", "grant"),
    *("target", "membership", "ledger", "wish", "hold", "desired state", "settle", "ready", "gone", "seat"),
    *("line", "push", "key", "lease", "brake", "sweeper", "outbox", "notice"),
    *("quota", "race", "standing", "leaderboard", "announcement"),
)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def without_code(text: str) -> str:
    """Return the prose: code blocks are taken out."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def first_cells(text: str) -> list[str]:
    """Return the first cell of every row of every table."""
    return re.findall(r"^ *\| *(.+?) *\|", text, flags=re.MULTILINE)


def named_in_tables(text: str) -> set[str]:
    """Return what stands in backticks in the first cells of the tables."""
    return {name for cell in first_cells(text) for name in re.findall(r"`([^`]+)`", cell)}


def section(text: str, title: str) -> str:
    """Return what stands under this heading, up to the next heading that is not below it."""
    heading = re.search(rf"^(#+) {re.escape(title)}$", text, flags=re.MULTILINE)
    assert heading is not None, f"there is no heading {title}"
    rest = text[heading.end() :]
    end = re.search(rf"^#{{1,{len(heading[1])}}} ", rest, flags=re.MULTILINE)
    return rest[: end.start()] if end else rest


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings."""
    titles = re.findall(r"^#+ (.+)$", without_code(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def calls() -> Iterator[tuple[ast.Call, ast.Module]]:
    """Yield every call in our code, with the module it stands in."""
    for room in OUR_CODE:
        for path in sorted((ROOT / room).rglob("*.py")):
            module = ast.parse(path.read_text(encoding="utf-8"))
            yield from ((node, module) for node in ast.walk(module) if isinstance(node, ast.Call))


def name_of(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def texts_in(node: ast.expr, module: ast.Module) -> set[str]:
    """Return the texts an expression can be: a constant, a choice, or a name that was given one."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=body, orelse=orelse):
            return texts_in(body, module) | texts_in(orelse, module)
        case ast.Name(id=name):
            given = [
                found.value
                for found in ast.walk(module)
                if isinstance(found, ast.Assign)
                and any(isinstance(target, ast.Name) and target.id == name for target in found.targets)
            ]
            return {text for value in given for text in texts_in(value, module)}
    return set()


# --- settings -----------------------------------------------------------------------------------------------


def test_every_setting_is_in_the_table_and_every_row_is_a_setting() -> None:
    ours, _, _ = text_of("docs/settings.md").partition("## Read by libraries")

    assert named_in_tables(ours) == set(settings.names())


@pytest.mark.parametrize("name", settings.names())
def test_the_table_shows_the_default_of_a_setting(name: str) -> None:
    row = re.search(rf"^\| `{name}` \| (.+?) \| ", text_of("docs/settings.md"), flags=re.MULTILINE)
    assert row is not None
    field = settings.names()[name]
    match field.default:
        case _ if field.is_required():
            assert row[1].startswith("required")
        case bool(default):
            assert row[1] == f"`{str(default).lower()}`"
        case str(default) | int(default):
            assert row[1] == f"`{default}`"
        case (str(default),):
            assert row[1] == f"`{default}`"
        case _:
            assert re.match(r"none|one of these|required without|the token|the app|Microsoft's", row[1])


def test_a_secret_is_called_one_in_the_table() -> None:
    text = text_of("docs/settings.md")
    for name, field in settings.names().items():
        row = re.search(rf"^\| `{name}` \| (.+?) \| ", text, flags=re.MULTILINE)
        assert row is not None
        assert row[1].endswith("secret") == ("SecretStr" in str(field.annotation))


def test_the_example_environment_names_only_settings_and_every_required_one() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", text_of(".env.example"), flags=re.MULTILINE))
    required = {name for name, field in settings.names().items() if field.is_required()}

    assert required <= named <= set(settings.names())


def test_the_example_environment_gives_nothing_away_and_reads_as_empty() -> None:
    assert set(dotenv_values(ROOT / ".env.example").values()) == {""}


# --- commands -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [verb.name for verb in grammar.VERBS])
def test_every_verb_is_in_the_readme(verb: str) -> None:
    (row,) = re.findall(r"^\| Verbs \| (.+) \|$", text_of("README.md"), flags=re.MULTILINE)

    assert f"`{verb}`" in row


@pytest.mark.parametrize("verb", ADMIN_VERBS, ids=lambda verb: verb.name)
def test_every_verb_of_organizers_is_in_the_readme_as_it_is_used(verb: AdminVerb) -> None:
    (row,) = re.findall(r"^\| Organizers' verbs \| (.+) \|$", text_of("README.md"), flags=re.MULTILINE)

    assert f"`{verb.name}`" in row
    assert verb.usage in named_in_tables(section(text_of("README.md"), "Organizers"))


def test_the_readme_promises_no_other_verb_of_organizers() -> None:
    promised = named_in_tables(section(text_of("README.md"), "Organizers"))

    assert promised == {verb.usage for verb in ADMIN_VERBS}


def test_the_readme_promises_no_other_verb() -> None:
    typed = re.findall(r"/deepracer (\w+)", text_of("README.md"))

    assert typed
    assert {grammar.find(word) for word in typed} <= set(grammar.VERBS)


def command_line() -> dict[str, set[str]]:
    """Return every command ("event apply") with its options."""

    def walk(group: typer.core.TyperGroup, prefix: str) -> Iterator[tuple[str, set[str]]]:
        for name, command in group.commands.items():
            if isinstance(command, typer.core.TyperGroup):
                yield from walk(command, f"{prefix}{name} ")
            else:
                yield f"{prefix}{name}", {option for param in command.params for option in param.opts}

    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return dict(walk(group, ""))


def test_every_command_of_the_command_line_is_in_the_readme_with_its_options() -> None:
    rows = [row for row in text_of("README.md").splitlines() if row.startswith("| `deepracer-bot ")]

    for command, options in command_line().items():
        (row,) = [row for row in rows if row.startswith(f"| `deepracer-bot {command}")]
        assert {option for option in options if option.startswith("--")} - {"--url", "--world"} <= set(
            re.findall(r"--[a-z-]+", row)
        )


@pytest.mark.parametrize("name", PROSE)
def test_a_document_names_only_commands_that_exist(name: str) -> None:
    known = command_line()

    for typed in re.findall(r"deepracer-bot ((?:event |audit )?[a-z]+)[^\n`|]*", text_of(name)):
        assert typed in known


@pytest.mark.parametrize("name", PROSE)
def test_a_document_names_only_make_targets_that_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), flags=re.MULTILINE))

    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(name), flags=re.MULTILINE)) <= targets


def test_the_two_commands_of_a_first_visit_install_by_themselves() -> None:
    rules = dict(re.findall(r"^(\w+): (\w+)", text_of("Makefile"), flags=re.MULTILINE))

    assert rules["demo"] == "install"
    assert rules[rules["test"]] == "install"


# --- the runbook --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", by_code())
def test_every_error_code_is_explained_with_what_people_see_and_what_to_do(code: str) -> None:
    found = section(text_of("docs/runbook.md"), code)
    sentence = words.words()
    key = f"error.{by_code()[code].key()}.summary"

    for part in ("They see:", "It means:", "Do:", "Heals:"):
        assert re.search(rf"^- \*\*{part}\*\* \S", found, flags=re.MULTILINE)
    if key in sentence:
        values = {
            name: f"{{{name}}}" for name in ("event", "name", "word", "field", "value", "target", "who")
        }
        assert f"“{sentence.plain(key, **values)}”" in found


def test_the_runbook_explains_no_code_that_nothing_raises() -> None:
    headings = re.findall(r"^### (DR-\d+)$", text_of("docs/runbook.md"), flags=re.MULTILINE)

    assert set(headings) == set(by_code())
    assert len(headings) == len(set(headings))


def test_every_log_action_is_in_the_runbook() -> None:
    said = {
        text
        for call, module in calls()
        for keyword in call.keywords
        if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict)
        for key, value in zip(keyword.value.keys, keyword.value.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "action"
        for text in texts_in(value, module)
    }
    explained = named_in_tables(section(text_of("docs/runbook.md"), "Log actions"))

    assert said
    assert said | set(ACTIONS) <= explained


def test_every_metric_in_the_runbook_is_served() -> None:
    served = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in measure().registry.collect()
    }
    served |= set(re.findall(r'"(deepracer_bot_\w+)"', text_of("bot/metrics.py")))
    told = named_in_tables(section(text_of("docs/runbook.md"), "Metrics"))

    assert told
    assert told <= served


# --- the words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", GLOSSARY)
def test_every_word_of_the_field_is_in_the_glossary(word: str) -> None:
    assert f"**{word}**" in text_of("docs/words.md")


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Stages: how a registration looks from the racer's side", Stage),
        ("Steps: how far one grant has come", Step),
    ],
)
def test_every_stage_and_step_is_in_the_glossary(title: str, kind: type[Stage | Step]) -> None:
    assert named_in_tables(section(text_of("docs/words.md"), title)) == {str(one.value) for one in kind}


def test_every_word_of_the_audit_is_in_the_glossary_and_every_entry_is_said() -> None:
    at = {"audit": 3, "Line": 2}  # where the action stands among the arguments
    said = {
        text
        for call, module in calls()
        if name_of(call) in at and len(call.args) > at[name_of(call)]
        for text in texts_in(call.args[at[name_of(call)]], module)
    }

    assert named_in_tables(section(text_of("docs/words.md"), "The audit's words")) == said


# --- what people copy ---------------------------------------------------------------------------------------


def test_the_example_event_can_be_used_as_it_is() -> None:
    event = parse(text_of("docs/event.example.toml"))

    assert {grant.kind for grant in event.grants} == set(KINDS)


def test_the_example_event_shows_every_key() -> None:
    shown = tomllib.loads(text_of("docs/event.example.toml"))["event"]
    # Two of them are the ceiling, and one is a field of its own.
    quota = {"training_hours", "models", "max_hours", "max_models", "price_per_hour"}

    assert set(shown) | {"ceiling", "price_per_hour"} == {field.name for field in fields(Event)} - set(
        NOT_DEFINED
    )
    assert set(shown["quota"]) == quota


def test_the_policy_allows_exactly_the_calls_to_aws_that_the_code_makes() -> None:
    policies = re.findall(r"```json\n(.*?)```", text_of("README.md"), flags=re.DOTALL)
    statements = [part for policy in policies for part in json.loads(policy)["Statement"]]
    allowed = [action for part in statements for action in part["Action"]]
    service = {
        **dict.fromkeys(("admin.ask", "self._described"), "sso"),
        "self._quotas.ask": "servicequotas",
        "self._mail.ask": "ses",
        **dict.fromkeys(("queue.ask", "self._sqs.ask"), "sqs"),
        **dict.fromkeys(("pool.ask", "self.ask"), "cognito-idp"),
        "self._invoke": "dynamodb",
        **dict.fromkeys(("self._pool.ask", "self._identities.ask"), "open to anybody"),
    }
    everything = tuple(calls())
    made = {
        f"{service.get(ast.unparse(call.func), 'identitystore')}:{operation}"
        for call, module in everything
        if name_of(call) in {"ask", "_ask", "_described", "_invoke"}
        for operation in (text for arg in call.args for text in texts_in(arg, module))
    }
    # The queues are the template's own, and so are their policies.
    made = {action for action in made if not action.startswith(("open to anybody", "sqs:"))}
    # A transaction is allowed by what is in it. The table is looked at and made with the client itself.
    made = (made - {"dynamodb:TransactWriteItems"}) | {"dynamodb:ConditionCheckItem"}
    made |= {
        f"dynamodb:{name_of(call).title().replace('_', '')}"
        for call, _ in everything
        if re.match(r"dynamodb\.(create|describe|update)_", ast.unparse(call.func))
    }

    assert sorted(allowed) == sorted(made)


def test_the_readme_asks_for_the_permissions_that_the_doctor_looks_for() -> None:
    asked = named_in_tables(section(text_of("README.md"), "Entra"))

    assert asked == {*checks.GRAPH_ROLES, checks.PUSH_ROLES[0]}


@pytest.mark.parametrize("name", PROSE)
def test_every_link_within_the_project_leads_somewhere(name: str) -> None:
    here = ROOT / name

    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text_of(name))):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = here.parent / path if path else here
        assert there.is_file(), target
        assert not anchor or anchor in anchors(there.read_text(encoding="utf-8")), target


def test_every_runtime_dependency_has_its_reason() -> None:
    needed = tomllib.loads(text_of("pyproject.toml"))["project"]["dependencies"]
    names = {re.split(r"[^\w.-]", one, maxsplit=1)[0] for one in needed}
    reasons = section(text_of("docs/why.md"), "Tools")

    assert {cell for cell in first_cells(reasons) if cell not in {"library", "---"}} == names


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    entries = re.findall(r"^## \[(.+?)\] - \d{4}-\d{2}-\d{2}$", text_of("CHANGELOG.md"), flags=re.MULTILINE)

    assert entries[0] == version
