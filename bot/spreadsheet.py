"""Tables as files: CSV that no spreadsheet takes for formulas, and JSON Lines."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

Form = Literal["csv", "jsonl"]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # with what a spreadsheet takes a cell for a formula


def cell(value: object) -> str:
    """Return the value as a cell that no spreadsheet takes for a formula."""
    text = json.dumps(value) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


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
