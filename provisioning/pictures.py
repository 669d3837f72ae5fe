"""What is drawn when somebody asks for it. The drawing is made when it is sent, of what is true then."""

from dataclasses import replace

from provisioning.instructing import AFTER_ACK
from provisioning.joining import Asking
from provisioning.outbox import Kind, Notice
from provisioning.outcomes import BoardsShown, Drawing
from provisioning.ports import Rows
from provisioning.watching import BOARD, ask_boards

AS_PICTURE = {"picture": "yes"}  # in the facts of a notice: what it says is drawn


def request_picture(rows: Rows, asking: Asking, name: str) -> Drawing | BoardsShown:
    """Owe the asker a picture of this race's leaderboard. A repeated delivery owes nothing more."""
    found = ask_boards(rows, name, asking.now)
    if len(found.boards) != 1:
        return replace(found, as_picture=True)
    (board,) = found.boards
    facts = {"event": str(board.event_id), "board": board.race_id, **AS_PICTURE}
    about = f"picture:{asking.chat}"
    notice_id = f"answer:{about}:{asking.digest}"
    at = asking.now + AFTER_ACK
    rows.outbox.put(
        Notice(notice_id, Kind.ANSWER, about, asking.reply, says=BOARD, facts=facts, created_at=at)
    )
    return Drawing(board.name)
