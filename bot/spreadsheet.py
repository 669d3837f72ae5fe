"""Tables as files: CSV that no spreadsheet takes for formulas, and JSON Lines."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

Form = Literal["csv", "jsonl"]

# Where a cell begins that a spreadsheet takes for a formula: with one of these signs, of full width too, and
# behind blanks, which some take out. Where a comma is for decimals, as in German, semicolons part the cells:
# what stands behind one within a cell of ours is a cell of its own there.
_FORMULA: Final = re.compile(r"(?:^|(?<=[;\t\r\n]))(?=[\t\r]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def cell(value: object) -> str:
    """Return the value as a cell that no spreadsheet takes for a formula."""
    text = json.dumps(value) if isinstance(value, dict) else str(value)
    return _FORMULA.sub("'", text)


def written(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], form: Form = "csv") -> str:
    """Return the rows as one file."""
    sink = io.StringIO()
    if form == "jsonl":
        sink.writelines(json.dumps({name: row[name] for name in columns}) + "\n" for row in rows)
        return sink.getvalue()
    table = csv.writer(sink)
    table.writerow(columns)
    table.writerows([cell(row[name]) for name in columns] for row in rows)
    return sink.getvalue()
