"""Mail beside the chat: once, true, and only where somebody wants it."""

import pytest

from sandbox.ses import Mail
from tests.scenario.conftest import MakeStage
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually


@pytest.fixture
def make_mailing(make_stage: MakeStage) -> MakeStage:
    """Open a stage whose event mails."""

    def make(**switches: object) -> Stage:
        stage = make_stage(**switches)
        stage.opens_event(mails=True)
        return stage

    return make


def mailbox(stage: Stage) -> list[Mail]:
    return stage.world.do(lambda: list(stage.world.ses.sent))


def test_whoever_is_ready_has_the_link_by_mail_once(make_mailing: MakeStage) -> None:
    stage = make_mailing()
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    racer.becomes_ready()
    eventually(lambda: mailbox(stage), "the mail is there")

    (mail,) = mailbox(stage)
    assert racer.person.entra is not None
    assert mail.to == racer.person.entra.mail
    assert mail.subject.startswith("You're in: ")
    assert stage.access_url in mail.text
    assert "awsapps.com" in mail.html
    eventually(stage.has_nothing_due, "nothing is left to do")
    assert len(mailbox(stage)) == 1


def test_whoever_was_added_and_has_not_spoken_yet_is_told_by_mail(make_mailing: MakeStage) -> None:
    stage = make_mailing()
    stage.starts_bot()
    added = stage.company.people["employee-001"].entra
    assert added is not None
    stage.person("organizer").says(f"admin add {added.mail}")

    eventually(lambda: mailbox(stage), "the mail is there")

    assert [mail.to for mail in mailbox(stage)] == [added.mail]


def test_a_suppressed_address_gets_none_and_the_racer_is_in_all_the_same(make_mailing: MakeStage) -> None:
    stage = make_mailing()
    racer = stage.company.people["employee-001"]
    assert racer.entra is not None
    stage.world.do(lambda: stage.world.ses.suppressed.add(str(racer.entra.mail)))  # type: ignore[union-attr]
    stage.starts_bot()
    one = stage.person("employee-001")
    one.says("join")
    one.becomes_ready()
    eventually(lambda: stage.calls("ses", "GetSuppressedDestination"), "it was looked for")

    assert stage.calls("ses", "SendEmail") == 0


def test_a_mail_that_ses_could_not_take_goes_later(make_mailing: MakeStage) -> None:
    stage = make_mailing()
    stage.befalls("ses", "SendEmail", "throttle", times=1)
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    racer.becomes_ready()
    with stage.time_flies(20):
        eventually(lambda: len(mailbox(stage)) == 1, "the mail is there")


def test_a_mail_of_which_nobody_knows_whether_it_went_is_not_sent_again(make_mailing: MakeStage) -> None:
    stage = make_mailing()
    stage.befalls("ses", "SendEmail", "drop", times=1)
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    racer.becomes_ready()
    eventually(lambda: stage.calls("ses", "SendEmail") == 1, "it was sent")
    with stage.time_flies(20):
        eventually(stage.is_at_rest, "nothing is left to do")

    assert len(mailbox(stage)) == 1


def test_an_event_that_does_not_say_so_mails_nobody(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    racer.becomes_ready()
    eventually(stage.has_nothing_due, "nothing is left to do")

    assert stage.calls("ses", ".*") == 0
