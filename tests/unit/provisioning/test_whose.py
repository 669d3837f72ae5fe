"""Whose line it is: never by guess, and for good once it is known."""

from dataclasses import replace

from provisioning.ids import PersonId
from provisioning.leaderboards import Leaderboard, Line
from provisioning.whose import Claim, carried, claimed, line_of
from tests.unit.provisioning.spring_cup import MINUTE, NOON

ADA, GRACE = PersonId("ada"), PersonId("grace")
RACERS = {"p1": ADA, "p2": GRACE}
BOLT = Line(None, "bolt", 62_345, NOON, 1)
DASH = Line(None, "dash", 62_500, NOON, 1)
BOTH = Leaderboard.of((BOLT, DASH))
OF_ADA = Claim(ADA, "bolt", NOON)


def test_a_line_is_theirs_who_alone_go_by_its_alias() -> None:
    found = claimed(BOTH, (), {"p1": "bolt", "p2": "dash", "p3": "other"}, RACERS)

    assert found == (OF_ADA, Claim(GRACE, "dash", NOON))
    assert [line_of(BOTH, claim) for claim in found] == list(BOTH.lines)


def test_an_alias_that_another_has_too_in_or_out_of_the_event_tells_nothing() -> None:
    assert claimed(BOTH, (), {"p1": "bolt", "p2": "bolt"}, RACERS) == ()
    assert claimed(BOTH, (), {"p1": "bolt", "p9": "bolt"}, RACERS) == ()


def test_two_lines_of_one_alias_are_nobodys() -> None:
    twice = Leaderboard.of((BOLT, replace(BOLT, time_ms=63_000)))

    assert claimed(twice, (), {"p1": "bolt"}, RACERS) == ()


def test_who_has_no_profile_and_who_has_no_line_has_no_claim() -> None:
    assert claimed(BOTH, (), {"p2": "nobody"}, RACERS) == ()


def test_a_case_is_another_alias() -> None:
    assert claimed(BOTH, (), {"p1": "Bolt"}, RACERS) == ()


def test_what_was_known_stays_when_somebody_else_takes_the_alias() -> None:
    found = claimed(BOTH, (OF_ADA,), {"p1": "renamed", "p2": "bolt"}, RACERS)

    assert found == (OF_ADA,)


def test_a_line_that_follows_under_a_taken_alias_is_theirs_who_have_it_now() -> None:
    later = replace(BOLT, time_ms=61_000, submitted_at=NOON + MINUTE)
    ranking = Leaderboard.of((BOLT, later))

    found = claimed(ranking, (OF_ADA,), {"p1": "renamed", "p2": "bolt"}, RACERS)

    assert found == (OF_ADA, Claim(GRACE, "bolt", NOON + MINUTE))


def test_an_improvement_is_theirs_at_once_and_another_alias_only_when_it_is_read() -> None:
    faster = replace(BOLT, time_ms=61_000, submitted_at=NOON + MINUTE, submissions=2)
    renamed = replace(faster, alias="flash")

    assert carried(Leaderboard.of((faster,)), (OF_ADA,)) == (replace(OF_ADA, submitted_at=NOON + MINUTE),)
    assert carried(Leaderboard.of((renamed,)), (OF_ADA,)) == ()
    assert claimed(Leaderboard.of((renamed,)), (OF_ADA,), {"p1": "flash"}, RACERS) == (
        Claim(ADA, "flash", NOON + MINUTE),
    )


def test_of_two_lines_that_may_be_the_improvement_none_is_theirs() -> None:
    two = [replace(BOLT, time_ms=61_000 + n, submitted_at=NOON + n * MINUTE) for n in (1, 2)]

    assert carried(Leaderboard.of(two), (OF_ADA,)) == ()


def test_a_line_that_was_taken_off_is_nobodys() -> None:
    assert carried(Leaderboard.of((DASH,)), (OF_ADA,)) == ()
    assert line_of(Leaderboard.of((DASH,)), OF_ADA) is None
