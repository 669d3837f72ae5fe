"""The stage of a scenario in which the bot runs on AWS."""

from pathlib import Path
from typing import Any

from adapters.dynamodb import DynamoStore
from adapters.slack.door import SLACK_EVENTS_PATH
from adapters.teams.door import MESSAGES_PATH
from bot.entry import clock, slack, teams, worker
from provisioning.ports import Store
from tests.scenario.account import Account, Functions
from tests.scenario.stage import Stage

DOORS = {"slack": (SLACK_EVENTS_PATH, slack.make), "teams": (MESSAGES_PATH, teams.make)}


class AwsStage(Stage):
    """A stage whose bots keep their rows in this account."""

    at_once = 4  # every call of theirs waits its turn at moto, and Slack waits for three seconds

    def __init__(self, folder: Path, account: Account, **switches: Any) -> None:
        super().__init__(folder, **switches)
        self.account = account
        self.settings |= account.environment

    def opens_doors(self) -> Functions:
        """Start the doors of the platforms of this stage."""
        self._set_environment()
        doors = {
            path: [make(self.environment, self.clock) for _ in range(self.at_once)]
            for path, make in (DOORS[side.name] for side in self.sides)
        }
        return self._started(Functions(self.account, doors=doors))

    def starts_working(self, *, workers: int = 2, ticks: bool = True) -> Functions:
        """Start workers and the clock."""
        self._set_environment()
        working = [worker.make(self.environment, self.clock) for _ in range(workers)]
        clocks = [clock.make(self.environment, self.clock)] if ticks else []
        return self._started(Functions(self.account, workers=working, clocks=clocks))

    def _set_environment(self) -> None:
        for name, value in self.environment.items():  # boto3 finds its addresses there
            self._patched.setenv(name, value)

    def _started(self, functions: Functions) -> Functions:
        self._bots.append(functions)
        return functions

    def _open_store(self) -> Store:
        return DynamoStore(self.account.dynamodb, self.account.table, self.clock)
