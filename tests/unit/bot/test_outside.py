"""What the settings say of Entra's credential is what the bot signs in with."""

from pathlib import Path

import pytest

from adapters import sqlite
from bot.outside import reach
from bot.settings import Settings
from bot.stores import UtcClock
from sandbox.company import Company
from sandbox.entra import FEDERATION_AUDIENCE
from sandbox.listening import listening
from sandbox.sts import StsSimulator
from sandbox.world import World


def test_without_a_secret_the_bot_signs_in_to_entra_as_its_aws_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sts = StsSimulator()
    with World(Company.found(people=1), parts={"entra"}) as world, listening(sts.app()) as url:
        given = {**world.environment(), "ENTRA_AWS_TOKEN_AUDIENCE": FEDERATION_AUDIENCE}
        del given["ENTRA_CLIENT_SECRET"]
        given |= {
            "SLACK_BOT_TOKEN": "xoxb-made-up",
            "SLACK_SIGNING_SECRET": "0" * 32,
            "AWS_REGION": "eu-central-1",
        }
        for name, text in given.items():
            monkeypatch.setenv(name, text)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
        clock = UtcClock()
        store = sqlite.open_store(f"sqlite:///{tmp_path / 'bot.db'}", clock)
        outside = reach(Settings.load(given), store, clock)

        assert outside.tokens.token()
        assert sts.asked == [(FEDERATION_AUDIENCE,)]
        outside.close()
        store.close()
