"""The table, asked and told over the API, its refusals told in the words of the store.

Reads are strongly consistent, but for those of an index, which DynamoDB brings up to date a moment later.
"""

import logging
import random
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from adapters.dynamodb.items import STAMP, Item, Key, Value, from_wire, index_of, to_wire
from provisioning.errors import StoreUnavailable

TRIES: Final = 4  # of one call that the network or the service failed
PAUSE_SECONDS: Final = 0.05  # before the second try, then twice as long each time
TOGETHER: Final = 100  # items in one call
_SERVER_ERROR: Final = 500
_LOST: Final = {"ConditionalCheckFailed", "TransactionConflict"}
_LOST_ALONE: Final = {"ConditionalCheckFailedException", "TransactionConflictException"}
_CONDITIONS: Final = {"ConditionalCheckFailed", "ConditionalCheckFailedException"}
_REFUSED: Final = {"ValidationException", "ValidationError"}  # alone, and among a transaction's reasons
_PASSING: Final = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionInProgressException",
}
_PASSING_IN_TRANSACTIONS: Final = {"ProvisionedThroughputExceeded", "ThrottlingError"}

log = logging.getLogger(__name__)


class Conflict(Exception):
    """An item is not as it was read any more, and nothing was written. `lost` are the writes it kept back."""

    def __init__(self, lost: Collection[int] = ()) -> None:
        """Take the numbers of the writes whose condition does not hold; none when others were in the way."""
        super().__init__(lost)
        self.lost = frozenset(lost)


class Refused(Exception):
    """DynamoDB does not take this write, however often it is asked: it is more than an item holds, say."""


@dataclass(frozen=True, slots=True)
class Write:
    """One item as it is to be (None: gone), on condition that this attribute still has this value.

    Without a condition the item must not be there. `is_check` looks at the condition alone.
    """

    key: Key
    item: Item | None
    condition: tuple[str, Value] | None
    is_check: bool = False


class Table:
    """One table. Its methods raise StoreUnavailable when DynamoDB cannot be reached or does not keep up."""

    def __init__(self, client: Any, name: str) -> None:
        """Speak through this client, which does not retry by itself."""
        self._client = client
        self.name = name

    def get(self, key: Key) -> dict[str, Value] | None:
        """Return the item."""
        found = self._invoke("GetItem", TableName=self.name, Key=_wire_key(key), ConsistentRead=True)
        return from_wire(found["Item"])[1] if "Item" in found else None

    def get_all(self, keys: Collection[Key]) -> Iterator[tuple[Key, dict[str, Value]]]:
        """Yield those of these items that are there, in no order."""
        wanted = [_wire_key(key) for key in keys]
        for tries in range(TRIES * (1 + len(wanted) // TOGETHER)):
            if not wanted:
                return
            part, wanted = wanted[:TOGETHER], wanted[TOGETHER:]
            asked = {self.name: {"Keys": part, "ConsistentRead": True}}
            found = self._invoke("BatchGetItem", RequestItems=asked)
            yield from map(from_wire, found["Responses"].get(self.name, ()))
            left = found.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if left:
                wanted += left
                _pause(min(tries, TRIES))
        if wanted:
            raise StoreUnavailable

    def partition(
        self,
        pk: str,
        low: str = "",
        high: str | None = None,
        limit: int | None = None,
        *,
        newest_first: bool = False,
    ) -> Iterator[tuple[Key, dict[str, Value]]]:
        """Yield the items of this partition from `low` on and before `high`, in their order."""
        ranged = _ranged("pk", pk, "sk", low, high)
        asked = {"ConsistentRead": True, "ScanIndexForward": not newest_first, **ranged}
        yield from map(from_wire, self._pages(asked, limit))

    def find(
        self,
        kind: str,
        of: str,
        low: str = "",
        high: str | None = None,
        limit: int | None = None,
        *,
        newest_first: bool = False,
    ) -> Iterator[tuple[Key, dict[str, Value]]]:
        """Yield what the index holds of this list, in its order."""
        index, partition, at = index_of(kind)
        ranged = _ranged(partition, f"{kind}#{of}", at, low, high)
        asked = {"IndexName": index, "ScanIndexForward": not newest_first, **ranged}
        yield from map(from_wire, self._pages(asked, limit))

    def everything(self) -> Iterator[tuple[Key, dict[str, Value]]]:
        """Yield every item of the table, in no order."""
        more: dict[str, Any] = {}
        while True:
            page = self._invoke("Scan", TableName=self.name, ConsistentRead=True, **more)
            yield from map(from_wire, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def count(
        self, kind: str, of: str, low: str = "", high: str | None = None, limit: int | None = None
    ) -> int:
        """Count what the index holds of this list, reading no more than `limit` of it."""
        index, partition, at = index_of(kind)
        asked = {"IndexName": index, "Select": "COUNT", **_ranged(partition, f"{kind}#{of}", at, low, high)}
        counted = 0
        for page in self._answers(asked if limit is None else {**asked, "Limit": limit}):
            counted += page["Count"]
            if limit is not None and counted >= limit:
                break
        return counted

    def write(self, writes: Sequence[Write], stamp: str) -> None:
        """Write all of these, at most `TOGETHER`, or none; raises Conflict when a condition does not hold.

        After an answer got lost, what has this stamp is taken for written. Raises Refused.
        """
        if len(writes) == 1:
            operation = "DeleteItem" if writes[0].item is None else "PutItem"
            self._invoke(operation, stamp, **_asked(self.name, writes[0]))
            return
        actions = [_action(self.name, write) for write in writes]
        token = uuid.uuid4().hex
        self._invoke("TransactWriteItems", stamp, TransactItems=actions, ClientRequestToken=token)

    def _pages(self, asked: Mapping[str, Any], limit: int | None) -> Iterator[Mapping[str, Any]]:
        left = limit
        if left is not None and left <= 0:
            return
        for page in self._answers(asked if left is None else {**asked, "Limit": left}):
            for found in page["Items"]:
                yield found
                if left is not None:
                    left -= 1
                    if left == 0:
                        return

    def _answers(self, asked: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        more: dict[str, Any] = {}
        while True:
            page = self._invoke("Query", TableName=self.name, **asked, **more)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _invoke(self, operation: str, stamp: str | None = None, **asked: Any) -> Mapping[str, Any]:
        failure: Exception | None = None
        for tries in range(TRIES):
            if failure is not None:
                _pause(tries - 1)
            try:
                answer: Mapping[str, Any] = getattr(self._client, xform_name(operation))(**asked)
            except ClientError as error:
                lost = _lost(error)
                # After a try of unknown outcome the write that is in our way may be our own.
                if lost is not None and failure is not None and stamp in lost.values():
                    return {}
                if lost is not None:
                    raise Conflict(lost) from error
                if not _is_passing(error):
                    code = error.response["Error"]["Code"]  # alone: a sentence may quote what was asked
                    log.error("%s was refused: %s", operation, code, extra={"action": "store-refused"})  # noqa: TRY400
                    if stamp is not None and _is_refused(error):
                        raise Refused(operation) from None
                    raise StoreUnavailable from error
                failure = error
            except ParamValidationError:  # a mistake of ours: nothing went out
                raise
            except BotoCoreError as error:
                failure = error
            else:
                return answer
        raise StoreUnavailable from failure


def _lost(error: ClientError) -> dict[int, str | None] | None:
    """Return the stamps in the way by the number of the write whose condition did not hold.

    Empty when others write there just now; None for another error.
    """
    response: Mapping[str, Any] = error.response
    if response["Error"]["Code"] in _LOST_ALONE:
        reasons: list[Mapping[str, Any]] = [{**response, "Code": response["Error"]["Code"]}]
    else:
        reasons = list(response.get("CancellationReasons", ()))
        if not any(reason.get("Code") in _LOST for reason in reasons):
            return None
    return {
        number: reason.get("Item", {}).get(STAMP, {}).get("S")
        for number, reason in enumerate(reasons)
        if reason.get("Code") in _CONDITIONS
    }


def _is_refused(error: ClientError) -> bool:
    response: Mapping[str, Any] = error.response
    reasons = {reason.get("Code") for reason in response.get("CancellationReasons", ())}
    return not _REFUSED.isdisjoint({response["Error"]["Code"], *reasons})


def _is_passing(error: ClientError) -> bool:
    response: Mapping[str, Any] = error.response
    if response["Error"]["Code"] in _PASSING:
        return True
    reasons = {reason.get("Code") for reason in response.get("CancellationReasons", ())}
    return bool(reasons & _PASSING_IN_TRANSACTIONS) or (
        response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_ERROR
    )


def _pause(tries: int) -> None:
    time.sleep(PAUSE_SECONDS * 2**tries * (0.5 + random.random()))  # noqa: S311 - spreads, hides nothing


def _wire_key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def _ranged(partition: str, of: str, order: str, low: str, high: str | None) -> dict[str, Any]:
    condition, values = "#of = :of", {":of": {"S": of}}
    names = {"#of": partition}
    if low or high is not None:
        names["#at"] = order
    if low:
        values[":low"] = {"S": low}
    if high is not None:
        values[":high"] = {"S": high}
    if low and high is not None:
        condition += " AND #at BETWEEN :low AND :high"
    elif low:
        condition += " AND #at >= :low"
    elif high is not None:
        condition += " AND #at < :high"
    return {
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _action(table: str, write: Write) -> dict[str, Any]:
    asked = _asked(table, write)
    if write.is_check:
        return {"ConditionCheck": asked}
    return {"Delete": asked} if write.item is None else {"Put": asked}


def _asked(table: str, write: Write) -> dict[str, Any]:
    asked: dict[str, Any] = {"TableName": table, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if write.item is None or write.is_check:
        asked["Key"] = _wire_key(write.key)
    else:
        asked["Item"] = _wire_key(write.key) | to_wire(write.item)
    if write.condition is None:
        return asked | {
            "ConditionExpression": "attribute_not_exists(#name)",
            "ExpressionAttributeNames": {"#name": "pk"},
        }
    name, value = write.condition
    return asked | {
        "ConditionExpression": "#name = :value",
        "ExpressionAttributeNames": {"#name": name},
        "ExpressionAttributeValues": to_wire({":value": value}),
    }
