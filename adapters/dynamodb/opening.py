"""How the table is opened: by its address, made when it is not there yet and the bot may make it."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from adapters.aws.clients import client
from adapters.dynamodb.arriving import Arriving
from adapters.dynamodb.definition import DEFINITION, EXPIRES, create
from adapters.dynamodb.store import UNITS_AT_ONCE, DynamoStore
from adapters.unfit import StoreUnfit
from provisioning.ports import Clock

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_CONNECT_SECONDS: Final = 1
_READ_SECONDS: Final = 3


@dataclass(frozen=True, slots=True)
class Address:
    """Where the table is. `region` None: as boto3 finds it."""

    table: str
    region: str | None = None

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read `dynamodb://TABLE` or `dynamodb://TABLE?region=…`. Raises StoreUnfit."""
        split = urlsplit(url)
        options = parse_qs(split.query, keep_blank_values=True)
        region = options.pop("region", [None])
        is_plain = not (options or split.path or split.fragment or len(region) > 1 or region == [""])
        if split.scheme != "dynamodb" or not _NAME.fullmatch(split.netloc) or not is_plain:
            raise StoreUnfit(
                "the store's address names no table",
                "write dynamodb://table or dynamodb://table?region=eu-central-1",
            )
        return cls(split.netloc, region[0])


def open_store(url: str, clock: Clock) -> DynamoStore:
    """Open the store that `dynamodb://TABLE?region=…` names, made when it is new.

    `clock` tells when a queued key is ready and a brake is over. Raises StoreUnfit, a ValueError that says
    what is wrong and what mends it.
    """
    with _reached(url) as (dynamodb, address):
        _have(dynamodb, address.table)
        return DynamoStore(dynamodb, address.table, clock)


def open_arrivals(url: str, clock: Clock) -> Arriving:
    """Open the table for the rows of another store, made when it is new. Raises StoreUnfit."""
    with _reached(url) as (dynamodb, address):
        _have(dynamodb, address.table)
        return Arriving(dynamodb, address.table, clock)


def is_made(url: str) -> bool:
    """Whether the table is there. Raises StoreUnfit."""
    with _reached(url) as (dynamodb, address), closing(dynamodb):
        return _is_there(dynamodb, address.table)


def missing_from(url: str) -> list[str]:
    """Return what the definition has and the table has not, in words. Raises StoreUnfit."""
    with _reached(url) as (dynamodb, address), closing(dynamodb):
        table = dynamodb.describe_table(TableName=address.table)["Table"]
        indexes = {index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ())}
        missing = [
            f"the index {index['IndexName']}"
            for index in DEFINITION["GlobalSecondaryIndexes"]
            if index["IndexName"] not in indexes
        ]
        expiry = dynamodb.describe_time_to_live(TableName=address.table)["TimeToLiveDescription"]
        if expiry.get("AttributeName") != EXPIRES:
            missing.append("time to live")
        backups = dynamodb.describe_continuous_backups(TableName=address.table)
        restoring = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        if restoring.get("PointInTimeRecoveryStatus") != "ENABLED":
            missing.append("point-in-time recovery")
        if not table.get("DeletionProtectionEnabled"):
            missing.append("deletion protection")
        return missing


@contextmanager
def _reached(url: str) -> Iterator[tuple[Any, Address]]:
    """Make a client for this address; what AWS refuses is told as StoreUnfit."""
    address = Address.parse(url)
    try:
        yield (
            client(
                "dynamodb",
                region=address.region,
                connect_seconds=_CONNECT_SECONDS,
                read_seconds=_READ_SECONDS,
                connections=2 * UNITS_AT_ONCE,
            ),
            address,
        )
    except (ClientError, BotoCoreError, WaiterError) as error:
        raise _unfit(address, error) from error


def _have(dynamodb: Any, table: str) -> None:
    if not _is_there(dynamodb, table):
        create(dynamodb, table)


def _is_there(dynamodb: Any, table: str) -> bool:
    try:
        dynamodb.describe_table(TableName=table)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return False
        raise
    return True


def _unfit(address: Address, error: ClientError | BotoCoreError | WaiterError) -> StoreUnfit:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    if code == "NoRegionError":
        mend = f"name the Region in BOT_STORE: dynamodb://{address.table}?region=eu-central-1"
    elif code == "AccessDeniedException":
        mend = "run the bot under the role that may use the table, and deploy the table with its template"
    else:
        mend = "look whether this host reaches DynamoDB in that Region, and has credentials"
    return StoreUnfit(f"the table {address.table} cannot be opened ({code})", mend)
