"""Where boto3 clients are made. They never retry by themselves.

A client costs 20 to 125 ms to make and may be used by many threads: whoever wires the bot makes each once and
keeps it. What botocore knows of the services is read once for all of them. Retrying and waiting are decided
by the brake and the queue, not inside a call: botocore would sleep there, and would not honor
`RetryAfterSeconds`.
"""

import os
from functools import cache
from threading import Lock
from typing import Any

from adapters.trust import ca_bundle

CONNECT_SECONDS = 3
READ_SECONDS = 8
CONNECTIONS = 10

_making = Lock()


def client(
    service: str,
    *,
    region: str | None,
    endpoint_url: str | None = None,
    connect_seconds: float = CONNECT_SECONDS,
    read_seconds: float = READ_SECONDS,
    connections: int = CONNECTIONS,
) -> Any:
    """Return a new boto3 client of this service.

    Credentials and `AWS_ENDPOINT_URL` are found boto3's own way, and so is the Region without `region` and
    without `AWS_REGION`, which boto3 by itself does not read. `endpoint_url` overrides the address.
    `connections` is how many calls may be under way at once.
    """
    import boto3
    import botocore.session
    from botocore.config import Config

    with _making:  # a boto3 session must not make clients in two threads at once
        core = botocore.session.get_session()
        core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
        return boto3.session.Session(botocore_session=core).client(
            service,  # type: ignore[call-overload]  # the stubs want each service by name
            region_name=region or os.environ.get("AWS_REGION") or None,
            endpoint_url=endpoint_url,
            verify=ca_bundle(),
            config=Config(
                connect_timeout=connect_seconds,
                read_timeout=read_seconds,
                max_pool_connections=connections,
                retries={"total_max_attempts": 1},
            ),
        )


@cache
def _loader(data_path: str | None) -> Any:
    from botocore.loaders import create_loader

    return create_loader(data_path)
