"""The file of people to add: which addresses are in it, however it was exported."""

from pathlib import Path

import pytest

from bot.adding_file import FileUnusable, addresses, listed
from bot.admin.adding import MOST, AddPeople, with_list
from bot.admin.table import parse
from provisioning.errors import InstructionUnclear, ListTooLong, ListUnreadable
from provisioning.ids import ChatIdentity
from provisioning.targets import Mailed, Mentioned

ADA, GRACE = "ada@example.com", "grace@example.com"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


@pytest.mark.parametrize(
    "text",
    [
        f"{ADA}\n{GRACE}\n",
        f"Name,Email\nAda Lovelace,{ADA}\nGrace Hopper,{GRACE}\n",
        f"Name;E-Mail;Alias\r\nLovelace, Ada;{ADA};ada@home.example\r\nHopper;{GRACE};\r\n",
        f"userPrincipalName\tmail\nx@tenant.example\t{ADA}\ny@tenant.example\t{GRACE}\n",
        f"displayName,userPrincipalName\nAda,{ADA}\nGrace,{GRACE}\n",
        f"\ufeffmail\n {ADA} \n\n{GRACE}\n{ADA}\n",
        f'Ada,"{ADA}"\nGrace,"{GRACE}"\nNobody,\n',
    ],
)
def test_every_address_is_found_once_in_its_order(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")

    assert addresses(file) == (ADA, GRACE)


@pytest.mark.parametrize("content", [b"", b"Ada,Grace\n", b"email\n\n", b"\xff\xfe\x00"])
def test_a_file_without_addresses_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    with pytest.raises(FileUnusable):
        addresses(file)


def test_a_file_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(FileUnusable, match="cannot be read"):
        addresses(file)


@pytest.mark.parametrize(
    "text", [f"{ADA} {GRACE}", f"{ADA},{GRACE}", f" {ADA};\t{GRACE};", f"to {ADA}, {GRACE}\n"]
)
def test_of_one_line_every_address_counts(text: str) -> None:
    assert listed(text) == (ADA, GRACE)


@pytest.mark.parametrize("text", ["", "\n\n", '"' + "x" * 200_000, "\x00"])
def test_what_is_no_list_has_no_addresses(text: str) -> None:
    assert listed(text) == ()


# --- with words ---------------------------------------------------------------------------------------------

CHAT = ChatIdentity("slack", "T1", "U1")


def test_a_list_goes_along_with_words_and_with_those_who_are_named() -> None:
    said = parse("add <@U0GRACE> event=spring-cup --dry-run", CHAT)

    grace = Mentioned(ChatIdentity("slack", "T1", "U0GRACE"))
    assert with_list(said, [ADA, "", f"email\n{ADA}"]) == AddPeople(
        event="spring-cup", targets=(grace, Mailed(ADA)), dry_run=True
    )
    assert with_list(parse("add", CHAT), [ADA]) == AddPeople(targets=(Mailed(ADA),))


def test_what_stands_in_a_list_is_never_read_as_words() -> None:
    text = "email\nevent=other@x\n--dry-run\n@everyone\n<@U0ADA>"

    command = with_list(parse("add", CHAT), [text])

    assert (command.event, command.dry_run) == (None, False)
    assert command.targets == tuple(map(Mailed, ("event=other@x", "--dry-run", "@everyone", "<@U0ADA>")))


def test_a_list_goes_along_with_no_other_verb() -> None:
    with pytest.raises(InstructionUnclear):
        with_list(parse("teardown", CHAT), [ADA])


def test_a_list_in_chat_has_an_end_and_a_beginning() -> None:
    people = [f"{number}@example.com" for number in range(MOST + 1)]

    assert len(with_list(parse("add", CHAT), ["\n".join(people[1:])]).targets) == MOST
    with pytest.raises(ListTooLong) as caught:
        with_list(parse("add", CHAT), ["\n".join(people)])
    assert caught.value.facts == {"value": str(MOST + 1), "most": str(MOST)}
    with pytest.raises(ListUnreadable):
        with_list(parse("add", CHAT), ["Ada\nGrace"])
