"""Bodies: whatever a value holds is read back, with fields nobody thought of when the codec was written."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.codec.audit import pack_line, text_digests, unpack_line
from adapters.codec.changes import pack_change, unpack_change
from adapters.codec.events import pack_breakage, pack_event, unpack_breakage, unpack_event
from adapters.codec.fields import pack_text, unpack_text
from adapters.codec.instructions import pack_instruction, unpack_instruction
from adapters.codec.ledger import pack_entry, unpack_entry
from adapters.codec.outbox import pack_notice, unpack_notice
from adapters.codec.registrations import pack_registration, unpack_registration
from adapters.codec.requests import pack_request, unpack_request
from provisioning.audit import Line, sealed
from provisioning.changes import Change
from provisioning.events import Breakage, Event
from provisioning.ids import ChatIdentity
from provisioning.instructions import Instruction
from provisioning.ledger import Entry
from provisioning.outbox import Notice
from provisioning.registrations import Registration
from provisioning.requests import Request

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30)), timezone(timedelta(hours=2))])
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=ZONES)  # noqa: DTZ001 - the zone is drawn
TEXT = st.text(st.characters(), max_size=8)  # also halves of surrogate pairs, which JSON can carry
CHATS = st.builds(
    ChatIdentity,
    platform=st.sampled_from(["slack", "teams"]),
    tenant=st.sampled_from(["T0123", "72f988bf-86f1"]),
    user=st.sampled_from(["U0456", "29:1abc"]),
)

st.register_type_strategy(datetime, MOMENTS)
st.register_type_strategy(str, TEXT)
st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False))
st.register_type_strategy(ChatIdentity, CHATS)
quickly = settings(max_examples=60, deadline=None, database=None)


@quickly
@given(st.from_type(Event))
def test_an_event_survives(event: Event) -> None:
    definition = replace(event, taken=0, broken=None)
    assert unpack_event(pack_event(event), event.id, event.version) == definition


@quickly
@given(st.from_type(Breakage))
def test_a_breakage_survives(breakage: Breakage) -> None:
    assert unpack_breakage(pack_breakage(breakage)) == breakage


@quickly
@given(st.from_type(Request))
def test_a_request_survives(request: Request) -> None:
    assert unpack_request(pack_request(request), request.key, request.version) == request


@quickly
@given(st.from_type(Registration))
def test_a_registration_survives(registration: Registration) -> None:
    read = unpack_registration(
        pack_registration(registration),
        registration.key,
        has_seat=registration.has_seat,
        version=registration.version,
    )
    assert read == registration


@quickly
@given(st.from_type(Entry))
def test_a_ledger_entry_survives(entry: Entry) -> None:
    assert unpack_entry(pack_entry(entry), entry.target, entry.person_id, entry.version) == entry


@quickly
@given(st.from_type(Notice))
def test_a_notice_survives(notice: Notice) -> None:
    assert unpack_notice(pack_notice(notice), notice.id, notice.version) == notice


@quickly
@given(st.from_type(Line))
def test_an_audit_line_survives(line: Line) -> None:
    digests = {name: sealed("salt", text) for name, text in line.texts.items()}
    body = pack_line(line, digests)
    assert unpack_line(body, line.texts) == line
    assert text_digests(body) == digests


@quickly
@given(TEXT)
def test_a_text_of_an_audit_line_survives(text: str) -> None:
    assert unpack_text(pack_text(text)) == text


@quickly
@given(st.from_type(Instruction))
def test_an_instruction_survives(instruction: Instruction) -> None:
    body = pack_instruction(instruction)
    read = unpack_instruction(body, instruction.id, instruction.version)
    proposed = instruction.proposed and replace(instruction.proposed, version=0)
    assert read == replace(instruction, proposed=proposed)


@quickly
@given(st.from_type(Change))
def test_a_change_survives(change: Change) -> None:
    assert unpack_change(pack_change(change), change.id, change.version) == change


@given(st.from_type(Request))
@settings(max_examples=5, deadline=None, database=None)
def test_members_of_a_newer_release_are_passed_over(request: Request) -> None:
    body = json.dumps({**json.loads(pack_request(request)), "mood": "sunny"})
    assert unpack_request(body, request.key, request.version) == request


def test_a_moment_without_a_zone_is_refused() -> None:
    line = Line(datetime(2027, 3, 1, 9), "bot", "asked", "spring")  # noqa: DTZ001 - the fault under test
    with pytest.raises(ValueError, match="zone"):
        pack_line(line)
