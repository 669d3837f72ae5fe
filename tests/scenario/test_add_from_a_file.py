"""People added from a file on the host: a line for each, and a repetition finishes what was interrupted."""

import json
from pathlib import Path

from bot.adding_file import TOGETHER
from sandbox.company import Company
from tests.scenario.conftest import MakeStage
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

PEOPLE = 3 * TOGETHER


def file_of(stage: Stage, folder: Path, count: int) -> Path:
    """Write a file with the addresses of so many employees and of one whom nobody knows."""
    found = [stage.company.people[f"employee-{number:03d}"].entra for number in range(1, count + 1)]
    lines = ["Name,Email", *(f"{one.display_name},{one.mail}" for one in found if one is not None)]
    file = folder / "people.csv"
    file.write_text("\n".join([*lines, "Nobody,nobody@acme.example"]), encoding="utf-8")
    return file


def results(log: str) -> list[str]:
    return [json.loads(line)["result"] for line in log.splitlines() if line.startswith('{"mail"')]


def test_an_interrupted_bulk_join_is_finished_by_repeating_it(make_stage: MakeStage, tmp_path: Path) -> None:
    stage = make_stage(company=Company.found(people=PEOPLE))
    stage.opens_event()
    file = file_of(stage, tmp_path, PEOPLE)
    stage.befalls("graph", ".*", "late", seconds=1.0, times=None)
    adding = stage.starts_process("add", "spring-cup-2027", str(file), "--json")

    eventually(lambda: len(added(stage)) >= TOGETHER, "the first are added")
    adding.kill()

    stage.calms("graph")
    stage.starts_bot()
    before = len(added(stage))
    assert TOGETHER <= before < PEOPLE
    adding.start_again()
    assert adding.ends() == 1  # one address is nobody's
    assert results(adding.said) == ["already-in"] * before + ["added"] * (PEOPLE - before) + ["DR-221"]
    eventually(lambda: len(stage.members()["entra"]) == PEOPLE, "everybody is in")
    assert len(added(stage)) == len(set(added(stage))) == PEOPLE
    eventually(stage.is_at_rest, "nothing is left to do")
    assert stage.audit().count("granted") == 2 * PEOPLE


def added(stage: Stage) -> list[str]:
    return [line.subject for line in stage.audit_lines() if line.action == "added"]
