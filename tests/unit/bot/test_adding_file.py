"""The file of people to add: which addresses are in it, however it was exported."""

from pathlib import Path

import pytest

from bot.adding_file import FileUnusable, addresses

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
