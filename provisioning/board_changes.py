"""What organizers change about leaderboards: where one is posted, watched and muted, each with its undo."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from provisioning.boards import Board, Watch, named
from provisioning.changes import Change, undoable
from provisioning.errors import AlreadySo, BoardUnknown, ChannelNotListed, UndoOvertaken
from provisioning.events import Event
from provisioning.instructing import Draft, Order, Undo
from provisioning.outbox import Kind, Notice
from provisioning.pictures import AS_PICTURE
from provisioning.ports import Rows
from provisioning.watching import BOARD, show


def find_board(rows: Rows, order: Order, name: str) -> Board:
    """Return the board of this name, without one the only one that is open. Raises BoardUnknown."""
    found = named(rows.boards.of_event(order.event.id), name, rows.races.of_event(order.event.id))
    if len(found) > 1:
        found = tuple(board for board in found if board.is_open(order.at))
    if len(found) != 1:
        raise BoardUnknown(event=order.event.name)
    return found[0]


def post(
    rows: Rows, order: Order, name: str, channels: tuple[str, ...], *, as_picture: bool = False
) -> Draft:
    """Plan to post a leaderboard as it is now, once, as a table or drawn.

    Raises BoardUnknown, ChannelNotListed.
    """
    board = find_board(rows, order, name)
    places = _places(order.event, channels)
    after = {"race": board.name, "channels": ", ".join(places)}
    change = _change(order, "leaderboard-post", board, {}, after)

    def make(rows: Rows) -> None:
        facts = {"event": str(board.event_id), "board": board.race_id} | (AS_PICTURE if as_picture else {})
        for channel in places:
            notice_id = f"post:{channel}:{BOARD} {order.id}"
            rows.outbox.put(Notice(notice_id, Kind.POST, channel, None, 0, BOARD, facts, order.at))

    return Draft(change, make)


def watch(rows: Rows, order: Order, name: str, channels: tuple[str, ...]) -> Draft:
    """Plan to show a leaderboard and its news in channels from now on.

    Raises BoardUnknown, ChannelNotListed, AlreadySo.
    """
    board = find_board(rows, order, name)
    return _altering(
        order, "leaderboard-watch", board, _with(board, _places(order.event, channels), hears=True)
    )


def mute(rows: Rows, order: Order, name: str, channels: tuple[str, ...]) -> Draft:
    """Plan to tell channels no more news of a leaderboard; what stands there is still kept up to date.

    Raises BoardUnknown, ChannelNotListed, AlreadySo.
    """
    board = find_board(rows, order, name)
    watched = {watch.channel for watch in board.watches}
    places = [channel for channel in _places(order.event, channels) if channel in watched]
    return _altering(order, "leaderboard-mute", board, _with(board, places, hears=False))


def _places(event: Event, channels: tuple[str, ...]) -> tuple[str, ...]:
    unlisted = [channel for channel in channels if channel not in event.channels]
    if unlisted or not event.channels:
        raise ChannelNotListed(event=event.name, target=", ".join(unlisted), field="channels")
    return channels or event.channels


def _with(board: Board, channels: Iterable[str], *, hears: bool) -> Board:
    watches = {watch.channel: watch for watch in board.watches}
    watches |= {channel: Watch(channel, hears) for channel in channels}
    return replace(board, watches=tuple(watches.values()))


def _altering(order: Order, kind: str, board: Board, changed: Board) -> Draft:
    if changed.watches == board.watches:
        raise AlreadySo(event=order.event.name)
    change = _change(order, kind, board, _shown(board), _shown(changed))

    def make(rows: Rows) -> None:
        saved = rows.boards.save(changed)
        before, after = ({watch.channel for watch in one.watches} for one in (board, saved))
        for channel in sorted(before ^ after):  # where it is watched no more, it says so
            show(rows, saved, channel, order.at)

    return Draft(undoable(change), make)


def _undo(rows: Rows, order: Order, change: Change) -> Draft:
    """Plan to watch as before. What stands in a channel that did not watch then says that it is over."""
    race_id = change.subjects[0].partition("#")[2]
    board = rows.boards.get(order.event.id, race_id)
    if board is None or _shown(board) != change.after:
        raise UndoOvertaken
    watches = tuple(
        Watch(channel, field == "watched")
        for field in ("watched", "muted")
        for channel in change.before.get(field, "").split(", ")
        if channel
    )
    return _altering(order, change.kind, board, replace(board, watches=watches))


UNDOS: Final[Mapping[str, Undo]] = {"leaderboard-watch": _undo, "leaderboard-mute": _undo}


def _shown(board: Board) -> dict[str, str]:
    hearing = ", ".join(watch.channel for watch in board.watches if watch.hears_news)
    muted = ", ".join(watch.channel for watch in board.watches if not watch.hears_news)
    shown = {"race": board.name, "watched": hearing, "muted": muted}
    return {name: text for name, text in shown.items() if text}


def _change(
    order: Order, kind: str, board: Board, before: Mapping[str, str], after: Mapping[str, str]
) -> Change:
    subject = f"board:{order.event.id}#{board.race_id}"
    return Change(order.id, order.event.id, order.by, order.at, kind, (subject,), 0, before, after)
