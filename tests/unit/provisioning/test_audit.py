"""The chain of the audit: whatever is taken out, put elsewhere, changed or cut off shows, and where."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from provisioning.audit import START, Break, Head, Line, Link, chained, check, sealed
from tests.unit.provisioning.spring_cup import NOON

SALT = "00"


def chain(*bodies: str) -> tuple[Head, list[Link]]:
    """Return a chain of these bodies; each line has a text beside it."""
    previous, links = START, []
    for number, body in enumerate(bodies, 1):
        digest = chained(previous, body)
        line = Line(NOON, "bot", body, "spring-cup")
        texts = {"reason": (SALT, body)}
        links.append(Link(number, line, body, previous, digest, texts, {"reason": sealed(SALT, body)}))
        previous = digest
    return Head("file", len(links), previous), links


HEAD, LINKS = chain("one", "two", "three", "four")


def found(links: list[Link], head: Head = HEAD) -> list[Break]:
    return list(check(head, links))


@given(st.lists(st.text(max_size=5), max_size=6))
def test_a_chain_as_it_was_written_holds(bodies: list[str]) -> None:
    head, links = chain(*bodies)
    assert found(links, head) == []


def test_a_line_taken_out_is_missing_where_the_next_one_stands() -> None:
    assert found([LINKS[0], *LINKS[2:]]) == [Break("file", 3, "missing")]


def test_a_line_taken_out_and_the_others_renumbered_shows_where_it_was() -> None:
    left = [replace(link, number=number) for number, link in enumerate([LINKS[0], *LINKS[2:]], 1)]
    assert found(left) == [Break("file", 2, "moved"), Break("file", 4, "cut")]


def test_two_lines_that_changed_places_have_moved() -> None:
    moved = [LINKS[0], replace(LINKS[2], number=2), replace(LINKS[1], number=3), LINKS[3]]
    assert found(moved) == [Break("file", number, "moved") for number in (2, 3, 4)]


def test_a_changed_line_is_named() -> None:
    assert found([*LINKS[:1], replace(LINKS[1], body="to"), *LINKS[2:]]) == [Break("file", 2, "changed")]


def test_a_changed_line_with_a_digest_to_match_breaks_the_next_one() -> None:
    body = "something else"
    made = replace(LINKS[1], body=body, digest=chained(LINKS[1].previous, body))
    assert found([LINKS[0], made, *LINKS[2:]]) == [Break("file", 3, "moved")]


def test_a_cut_tail_shows_by_the_head() -> None:
    assert found(LINKS[:2]) == [Break("file", 3, "cut")]
    assert found([]) == [Break("file", 1, "cut")]


def test_a_line_behind_the_head_was_not_written_by_us() -> None:
    assert found(LINKS, Head("file", 3, LINKS[2].digest)) == [Break("file", 4, "changed")]


def test_a_text_that_is_gone_is_no_break_and_another_text_is_one() -> None:
    forgotten = replace(LINKS[1], texts={})
    other = replace(LINKS[2], texts={"reason": (SALT, "nothing of the sort")})
    foreign = replace(LINKS[3], texts={"mood": (SALT, "four")})
    assert found([LINKS[0], forgotten, other, foreign]) == [
        Break("file", 3, "text"),
        Break("file", 4, "text"),
    ]


def test_the_digest_of_a_text_says_nothing_without_its_salt() -> None:
    assert sealed("a", "Ada") != sealed("b", "Ada")
