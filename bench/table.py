"""A table on the terminal, or as plain aligned text on a pipe."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what it is about, and its figures."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Figures under heads (the first head belongs to the names), and how to read them."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""

    def show(self) -> None:
        """Print it."""
        if sys.stdout.isatty():
            self._show_on_terminal()
        else:
            print(f"\n{self.text()}", flush=True)

    def text(self) -> str:
        """Return it as plain text."""
        lines = [self.heads, *((row.name, *row.cells) for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.heads))]
        shown = [
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, *shown, *([self.note] if self.note else [])])

    def _show_on_terminal(self) -> None:
        from rich.console import Console
        from rich.table import Table as RichTable

        table = RichTable(title=self.title, caption=self.note, title_justify="left", caption_justify="left")
        for column, head in enumerate(self.heads):
            table.add_column(head, justify="right" if column else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(row.name, *row.cells)
        Console().print(table)
