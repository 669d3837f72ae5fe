"""Tables as files: whatever a racer is called, no spreadsheet computes with it."""

import csv
import io
import re

import pytest

from bot.spreadsheet import cell, written

SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("before", ["", " ", "\t", "\r", "\n", "Ada;", "Ada; ", "Ada\t", "Ada\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_no_cell_begins_like_a_formula_however_the_file_is_parted(
    sign: str, before: str, delimiter: str
) -> None:
    file = written(("name", "chat"), [{"name": f"{before}{sign}1+1", "chat": "slack"}])

    cells = [found for line in csv.reader(io.StringIO(file), delimiter=delimiter) for found in line]

    assert not [found for found in cells if found.strip().startswith(SIGNS)]
    assert not re.search(rf"(?:^|[;\t\r\n])\s*[{re.escape(''.join(SIGNS))}]", cell(f"{before}{sign}1"))


@pytest.mark.parametrize("said", ["", "Ada Lovelace", "a=b", "x;y", "2027-03-01T09:00:00+00:00", "a-b+c@d"])
def test_what_is_no_formula_stays_as_it_is(said: str) -> None:
    assert cell(said) == said
