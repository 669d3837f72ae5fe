"""Tearing an event down: from then on nobody races in it. One row says so; the settler does the rest."""

from dataclasses import replace

from provisioning.changes import Change
from provisioning.closing import begin
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows


def tear_down(rows: Rows, order: Order) -> Draft:
    """Plan to end the event now; always asked first, and never undone: people are told that it is over.

    Of an event that is over already, everybody who is not out yet is looked at again, at once.
    """
    event = order.event
    change = Change(order.id, event.id, order.by, order.at, "teardown-again", ("event.torn_down_at",))
    if event.phase(order.at) == "ended":
        return Draft(change, lambda _: None, wakes=True)
    counts = rows.registrations.count(event.id)
    over = replace(event, torn_down_at=order.at)
    change = replace(
        change,
        kind="teardown",
        people=counts["all"] - counts["gone"],
        after={"torn_down_at": order.at.isoformat()},
    )

    def make(rows: Rows) -> None:
        saved = rows.events.save(over)
        asked = rows.instructions.get(order.id)
        begin(rows, saved, asked.reply if asked is not None else None, order.at)

    return Draft(change, make, asks=True, wakes=True)
