"""Response URLs: the addresses with which Slack lets an app answer where it was asked."""

from datetime import timedelta
from typing import Final

LIFE: Final = timedelta(minutes=29)  # Slack's thirty minutes, less a margin for the way
POSTS: Final = 5
