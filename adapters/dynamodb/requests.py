"""The rows of requests: those of one chat identity together, each with its key on the queue."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.codec.requests import pack_request, unpack_request
from adapters.dynamodb.items import FADES, Item, Key, Value, fading, listed, ordered, to_int
from adapters.dynamodb.session import Session
from provisioning.errors import StaleWrite
from provisioning.ids import ChatIdentity, EventId, PersonId, RequestKey
from provisioning.requests import Request
from provisioning.sweeping import REFUSED_KEPT

_PREFIX = "request#"
_SWEPT = 100  # deleted in one unit; the sweeper comes again


class RequestRows:
    """The requests of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def get(self, key: RequestKey) -> Request | None:
        row = self._session.row(row_key(key))
        return None if row is None else _request(row_key(key), row)

    def of(self, chat: ChatIdentity) -> tuple[Request, ...]:
        # With all that is known of them: whoever asks for their requests asks who they are as well.
        found = self._session.partition(f"chat#{chat}")
        return _newest_first(_request(key, row) for key, row in found if key[1].startswith(_PREFIX))

    def of_person(self, event_id: EventId, person_id: PersonId) -> tuple[Request, ...]:
        found = self._session.found("folded", f"{person_id}/{event_id}")
        return _newest_first(_request(key, row) for key, row in found)

    def save(self, request: Request) -> Request:
        key = row_key(request.key)
        version = self._session.save(key, _row(request), request.version, f"request {request.key}")
        return replace(request, version=version)

    def waiting(self, received_before: datetime, limit: int) -> tuple[RequestKey, ...]:
        found = self._session.found("waiting", high=ordered(to_int(received_before)), limit=limit)
        return tuple(_key_in(key) for key, _ in found)

    def waiting_ahead(self, received_at: datetime, limit: int) -> int:
        return self._session.count("waiting", high=ordered(to_int(received_at)), limit=limit)

    def delete(self, request: Request) -> None:
        row = self._session.row(row_key(request.key))
        if row is None or int(row["version"]) != request.version:
            raise StaleWrite(row=f"request {request.key}")
        self._session.drop([row_key(request.key)])

    def forget_event(self, event_id: EventId, limit: int) -> Sequence[ChatIdentity]:
        return self._forget([key for key, _ in self._session.found("requests", event_id, limit=limit)])

    def forget_refused(self, received_before: datetime) -> Sequence[ChatIdentity]:
        high = ordered(to_int(received_before))
        return self._forget([key for key, _ in self._session.found("refused", high=high, limit=_SWEPT)])

    def _forget(self, keys: Sequence[Key]) -> Sequence[ChatIdentity]:
        self._session.drop(keys)
        return [_key_in(key).chat for key in keys]


def row_key(key: RequestKey) -> Key:
    """Return where this request is."""
    return (f"chat#{key.chat}", f"{_PREFIX}{key.event_id}")


def _row(request: Request) -> Item:
    key, received = request.key, ordered(to_int(request.received_at))
    order = f"{received}#{key}"
    row: dict[str, Value] = {
        "body": pack_request(request),
        **listed("requests", key.event_id, str(key.chat)),
    }
    if request.state == "waiting":
        row |= listed("waiting", "", order)
    if request.state == "folded" and request.person_id is not None:
        row |= listed("folded", f"{request.person_id}/{key.event_id}", order)
    if request.state == "refused":
        row |= listed("refused", "", order) | {FADES: fading(request.received_at, REFUSED_KEPT)}
    return row


def _newest_first(requests: Iterable[Request]) -> tuple[Request, ...]:
    found = sorted(requests, key=lambda request: (request.key.event_id, request.key.chat))
    return tuple(sorted(found, key=lambda request: request.received_at, reverse=True))


def _key_in(key: Key) -> RequestKey:
    return RequestKey(EventId(key[1].removeprefix(_PREFIX)), ChatIdentity.parse(key[0].removeprefix("chat#")))


def _request(key: Key, row: Item) -> Request:
    return unpack_request(str(row["body"]), _key_in(key), int(row["version"]))
