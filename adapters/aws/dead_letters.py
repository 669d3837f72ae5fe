"""The dead letters of the bell, in SQS: looked at where they lie, and sent to the bell again.

Source: docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference. SQS has a redrive of its own
(StartMessageMoveTask), which would also move back what nobody can read, to die again.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from adapters.aws.api import Api, Trouble
from adapters.aws.bell import TOGETHER, Unreadable, read, region_of
from adapters.aws.clients import client
from adapters.aws.pace import Pace
from provisioning.brake import Brakes
from provisioning.dead_letters import UNREADABLE, DeadLetters
from provisioning.ports import Clock

LOOKED_AT: Final = 100  # letters whose kind is told; the number is told of all
LOOKING_SECONDS: Final = 10  # for which what is looked at is hidden, if whoever looks dies over it
TAKING_SECONDS: Final = 30  # for which what is taken is hidden: well beyond the two calls that move it
EACH_SECONDS: Final = 8.0  # for which letters are taken back in one call: well within a lease
_COUNTED: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")

Letter = Mapping[str, Any]


class SqsDeadLetters:
    """The dead letters at this URL, of the queue at `bell_url`. Implements `DeadLetterQueue`."""

    def __init__(self, sqs: Any, url: str, bell_url: str, *, brakes: Brakes, clock: Clock) -> None:
        """Speak through this client of SQS."""
        self._url = url
        self._bell_url = bell_url
        pace = Pace(rate=20.0, most=50.0, burst=20)  # SQS takes thousands; nobody is in a hurry here
        self._sqs = Api(sqs, "sqs", "sqs", brakes=brakes, clock=clock, pace=pace)

    def look(self) -> DeadLetters:
        try:
            asked = self._sqs.ask("GetQueueAttributes", QueueUrl=self._url, AttributeNames=list(_COUNTED))
            count = sum(int(asked["Attributes"][name]) for name in _COUNTED)
            looked_at: list[Letter] = []
            while len(looked_at) < min(count, LOOKED_AT) and (found := self._received(LOOKING_SECONDS)):
                looked_at += found
            self._show_again(looked_at)
        except Trouble as trouble:
            raise trouble.error from trouble
        return DeadLetters(count, dict(Counter(_kind(one["Body"]) for one in looked_at)))

    def take_back(self) -> bool:
        last = time.monotonic() + EACH_SECONDS
        try:
            while time.monotonic() < last:
                letters = self._received(TAKING_SECONDS)
                if not letters:
                    return False
                self._move([one for one in letters if _kind(one["Body"]) != UNREADABLE])
        except Trouble as trouble:
            raise trouble.error from trouble
        return True

    def _received(self, hidden_seconds: int) -> Sequence[Letter]:
        """Return up to ten letters; they are waited for a second, so that every server of SQS is asked."""
        answer = self._sqs.ask(
            "ReceiveMessage",
            QueueUrl=self._url,
            MaxNumberOfMessages=TOGETHER,
            VisibilityTimeout=hidden_seconds,
            WaitTimeSeconds=1,
        )
        return tuple(answer.get("Messages", ()))

    def _show_again(self, letters: Sequence[Letter]) -> None:
        """End the time for which these are hidden: a retry often follows within the second."""
        for start in range(0, len(letters), TOGETHER):
            receipts = [
                {"Id": number, "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 0}
                for number, one in _numbered(letters[start : start + TOGETHER])
            ]
            self._sqs.ask("ChangeMessageVisibilityBatch", QueueUrl=self._url, Entries=receipts)

    def _move(self, letters: Sequence[Letter]) -> None:
        """Send these to the bell, and delete those that it took."""
        if not letters:
            return
        numbered = dict(_numbered(letters))
        bodies = [{"Id": number, "MessageBody": one["Body"]} for number, one in numbered.items()]
        sent = self._sqs.ask("SendMessageBatch", QueueUrl=self._bell_url, Entries=bodies)
        receipts = [
            {"Id": one["Id"], "ReceiptHandle": numbered[one["Id"]]["ReceiptHandle"]}
            for one in sent.get("Successful", ())
        ]
        if receipts:
            self._sqs.ask("DeleteMessageBatch", QueueUrl=self._url, Entries=receipts)


def open_dead_letters(url: str, bell_url: str, *, brakes: Brakes, clock: Clock) -> SqsDeadLetters:
    """Return the dead letters at this URL, in the Region that the URL names."""
    return SqsDeadLetters(client("sqs", region=region_of(url)), url, bell_url, brakes=brakes, clock=clock)


def _kind(body: str) -> str:
    try:
        return read(body).work.value
    except Unreadable:
        return UNREADABLE


def _numbered(letters: Sequence[Letter]) -> Iterator[tuple[str, Letter]]:
    return ((str(number), one) for number, one in enumerate(letters))
