"""The one table: its keys, its indexes, and what it does by itself.

`DEFINITION` is written as CloudFormation writes the properties of a table, so that a template can be held
against it; `create` makes the same table through the API. All indexes are sparse: an item is in one of them
only while it has the two attributes of that index. They hold keys and the one attribute by which people of an
event are counted, never what counts: that is read from the table.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

# Index → the attribute that says in whose list an item is, and the one that says where in it.
INDEXES: Final[Mapping[str, tuple[str, str]]] = {
    **{f"find{number}": (f"f{number}", f"f{number}_at") for number in range(1, 6)},
    "queue": ("q", "q_at"),
    "owed": ("owed", "owed_at"),
}
FLAGS: Final = "flags"  # what a registration counts as
EXPIRES: Final = "expires"  # seconds since 1970, for time to live
_BACKUP_TRIES, _BACKUP_SECONDS = 12, 5.0


def _index(name: str, of: str, at: str) -> dict[str, Any]:
    only_keys = {"ProjectionType": "KEYS_ONLY"}
    return {
        "IndexName": name,
        "KeySchema": _keys(of, at),
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": [FLAGS]}
        if name == "find1"
        else only_keys,
    }


def _keys(partition: str, order: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": order, "KeyType": "RANGE"},
    ]


DEFINITION: Final[Mapping[str, Any]] = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": _keys("pk", "sk"),
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"}
        for name in ("pk", "sk", *(name for pair in INDEXES.values() for name in pair))
    ],
    "GlobalSecondaryIndexes": [_index(name, *pair) for name, pair in INDEXES.items()],
    "SSESpecification": {"SSEEnabled": True},
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    "TimeToLiveSpecification": {"AttributeName": EXPIRES, "Enabled": True},
    "DeletionProtectionEnabled": True,
}
_SAME_IN_THE_API: Final = (
    "BillingMode",
    "KeySchema",
    "AttributeDefinitions",
    "GlobalSecondaryIndexes",
    "DeletionProtectionEnabled",
)


def create(dynamodb: Any, name: str) -> None:
    """Make the table and wait until it can be used, a minute or two. Raises botocore's errors."""
    dynamodb.create_table(
        TableName=name,
        SSESpecification={"Enabled": DEFINITION["SSESpecification"]["SSEEnabled"]},
        **{key: DEFINITION[key] for key in _SAME_IN_THE_API},
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    dynamodb.update_time_to_live(
        TableName=name, TimeToLiveSpecification=DEFINITION["TimeToLiveSpecification"]
    )
    _have_restorable(dynamodb, name)


def _have_restorable(dynamodb: Any, name: str) -> None:
    """Switch point-in-time recovery on, which a table refuses for a while after it was made."""
    for _ in range(_BACKUP_TRIES):
        try:
            dynamodb.update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification=DEFINITION["PointInTimeRecoverySpecification"],
            )
        except dynamodb.exceptions.ContinuousBackupsUnavailableException:
            time.sleep(_BACKUP_SECONDS)
        else:
            return
