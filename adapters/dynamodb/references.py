"""The rows of references: where people, channels and answers are reached."""

from datetime import datetime

from adapters.dynamodb.items import FADES, Key, Value, fading, listed, ordered, to_int, to_moment
from adapters.dynamodb.session import Session
from provisioning.references import ANSWER, Reference
from provisioning.sweeping import ANSWERS_KEPT

_PREFIX = "place#"
_SWEPT = 100  # deleted in one unit; the sweeper comes again


class ReferenceRows:
    """The references of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def get(self, place: str) -> Reference | None:
        row = self._session.row(_key(place))
        if row is None:
            return None
        dead = row.get("dead")
        return Reference(
            place, str(row["address"]), to_moment(row["kept_at"]), None if dead is None else str(dead)
        )

    def save(self, reference: Reference) -> None:
        key, kept_at = _key(reference.place), to_int(reference.kept_at)
        stored = self._session.row(key)
        if stored is not None and int(stored["kept_at"]) > kept_at:
            return
        row: dict[str, Value] = {
            "address": reference.address,
            "kept_at": kept_at,
            **listed("places", _family(reference.place), reference.place),
        }
        if reference.dead is not None:
            row["dead"] = reference.dead
        if reference.place.startswith(ANSWER):
            row |= listed("kept", "", f"{ordered(kept_at)}#{reference.place}")
            row[FADES] = fading(reference.kept_at, ANSWERS_KEPT)
        self._session.set(key, row)

    def delete(self, place: str) -> None:
        self._session.drop([_key(place)])

    def forget(self, prefix: str, kept_before: datetime) -> int:
        before = to_int(kept_before)
        if prefix == ANSWER:  # far too many to look at each whenever the sweeper comes
            found = self._session.found("kept", high=ordered(before), limit=_SWEPT)
        else:
            found = self._session.found("places", _family(prefix), prefix, f"{prefix}\U0010ffff")
        return self._session.drop([key for key, row in found if int(row["kept_at"]) < before])


def _key(place: str) -> Key:
    return (f"{_PREFIX}{place}", "-")


def _family(place: str) -> str:
    return place.partition(":")[0]
