"""How the table is opened: by its address, made when it is not there yet and the bot may make it."""

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from adapters.aws.clients import client
from adapters.dynamodb.definition import create
from adapters.dynamodb.store import UNITS_AT_ONCE, DynamoStore, UtcClock
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
        is_plain = not (
            options or split.path.strip("/") or split.fragment or len(region) > 1 or region == [""]
        )
        if split.scheme != "dynamodb" or not _NAME.fullmatch(split.netloc) or not is_plain:
            raise StoreUnfit(
                "the store's address names no table",
                "write dynamodb://table or dynamodb://table?region=eu-central-1",
            )
        return cls(split.netloc, region[0])


def open_store(url: str, clock: Clock | None = None, *, make: bool = True) -> DynamoStore:
    """Open the store that `dynamodb://TABLE?region=…` names; unless told not to, make it when it is new.

    `clock` tells when a queued key is ready and a brake is over; the clock on the wall unless given. Raises
    StoreUnfit, a ValueError that says what is wrong and what mends it.
    """
    address = Address.parse(url)
    try:
        dynamodb = client(
            "dynamodb",
            region=address.region,
            connect_seconds=_CONNECT_SECONDS,
            read_seconds=_READ_SECONDS,
            connections=2 * UNITS_AT_ONCE,
        )
        if not is_there(dynamodb, address.table):
            if not make:
                raise StoreUnfit(
                    f"there is no table {address.table}", "start the bot, or deploy its template"
                )
            create(dynamodb, address.table)
    except (ClientError, BotoCoreError, WaiterError) as error:
        raise _unfit(address, error) from error
    return DynamoStore(dynamodb, address.table, clock or UtcClock())


def is_there(dynamodb: Any, table: str) -> bool:
    """Whether there is such a table. Raises botocore's errors."""
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
        mend = "deploy the template, which makes the table, and run the bot under its role"
    else:
        mend = "look whether this host reaches DynamoDB in that Region, and has credentials"
    return StoreUnfit(f"the table {address.table} cannot be opened ({code})", mend)
