"""A form as the tests of Slack's door word it, and one that only notes for whom it would open."""

from adapters.slack.forms import FormWords
from adapters.slack.payload import Asked
from provisioning.errors import ProvisioningError

SAID = FormWords(
    title="Add people",
    send="Go on",
    cancel="Cancel",
    list="Addresses",
    list_hint="One a line",
    file="A CSV file",
    nothing="Paste a list or give a file.",
    failed="Please send it again.",
)


class Forms:
    """Opens nothing; `error` is what Slack answers, if anything."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.error: ProvisioningError | None = None

    def open(self, asked: Asked, said: FormWords) -> None:
        assert said is SAID
        if self.error is not None:
            raise self.error
        self.asked.append(asked)
