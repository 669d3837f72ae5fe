"""What a message is about can be told from its id, where nothing else needs to be read first."""

from hypothesis import given
from hypothesis import strategies as st

from provisioning.outbox import about_of, card_id, result_id

ABOUTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(ABOUTS, st.integers(0, 10**6), st.sampled_from(["slack", "teams"]))
def test_results_and_cards_say_what_they_are_about(about: str, serial: int, platform: str) -> None:
    assert about_of(result_id(about, serial)) == about
    assert about_of(card_id(about, platform)) == about  # type: ignore[arg-type]


def test_other_notices_do_not() -> None:
    for other in (
        "edit:result:registration:cup/ada:1:2",
        "post:slack:C1:cup:broken",
        "answer:instruction:1",
        "",
    ):
        assert about_of(other) == ""
