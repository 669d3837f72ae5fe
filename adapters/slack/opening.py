"""Opening forms through the Web API, while the press of a button is fresh."""

from adapters.slack import forms
from adapters.slack.client import SlackClient
from adapters.slack.forms import FormWords
from adapters.slack.payload import Asked


class SlackForms:
    """Opens forms; see `adapters.slack.door.Opener`."""

    def __init__(self, client: SlackClient) -> None:
        """Take the client."""
        self._client = client

    def open(self, asked: Asked, said: FormWords) -> None:
        """Open the form, with a field for a file where the token may read one."""
        takes_files = self._client.has(forms.FILES)
        view = forms.view(said, asked.words, asked.reply, takes_files=takes_files)
        self._client.call("views.open", trigger_id=asked.trigger, view=view)
