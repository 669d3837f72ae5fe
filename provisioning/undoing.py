"""What takes each kind of change back. A kind that is not here cannot be taken back; its answer says so."""

from collections.abc import Mapping
from typing import Final

from provisioning import adding, board_changes, event_changes, feed, hold_changes, quota_changes, race_changes
from provisioning.instructing import Undo

UNDOS: Final[Mapping[str, Undo]] = {
    **event_changes.UNDOS,
    **quota_changes.UNDOS,
    **hold_changes.UNDOS,
    **adding.UNDOS,
    **race_changes.UNDOS,
    **board_changes.UNDOS,
    **feed.UNDOS,
}
