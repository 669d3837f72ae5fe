"""What SQS tells of a queue: for whoever looks whether it is set up as the bot needs it."""

import json
from dataclasses import dataclass
from typing import Final

from adapters.aws.api import Api, Trouble
from adapters.aws.bell import region_of
from adapters.aws.clients import client
from adapters.aws.pace import Pace
from provisioning.brake import Brakes
from provisioning.ports import Clock

_MISSING: Final = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_ASKED: Final = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "RedrivePolicy",
    "VisibilityTimeout",
]


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """One queue. `messages` can be received or are being worked on; each that is received is hidden for
    `hidden_seconds`, and after so many `receives` goes to the queue called `dead_letters`, None: nowhere.
    """

    messages: int
    hidden_seconds: int
    dead_letters: str | None
    receives: int


def queue_facts(url: str, *, brakes: Brakes, clock: Clock) -> QueueFacts | None:
    """Ask for the queue of this URL; None when there is no such queue.

    Raises AccessUnavailable, PermissionMissing or CredentialRefused.
    """
    sqs = client("sqs", region=region_of(url))
    queue = Api(sqs, "sqs", "sqs", brakes=brakes, clock=clock, pace=Pace(), familiar=_MISSING)
    try:
        found = queue.ask("GetQueueAttributes", QueueUrl=url, AttributeNames=_ASKED)["Attributes"]
    except Trouble as trouble:
        if trouble.code in _MISSING:
            return None
        raise trouble.error from trouble
    redrive = json.loads(found.get("RedrivePolicy", "{}"))
    target = redrive.get("deadLetterTargetArn")
    return QueueFacts(
        sum(int(found.get(name, 0)) for name in _ASKED[:2]),
        int(found.get("VisibilityTimeout", 30)),
        None if target is None else target.rpartition(":")[2],
        int(redrive.get("maxReceiveCount", 0)),
    )
