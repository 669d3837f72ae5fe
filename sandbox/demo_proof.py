"""The claims of the demo, each held against what was read back. Pure: evidence and cast in, claims out."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from sandbox import demo_words as words
from sandbox.demo_board import NIGHT, throttled
from sandbox.demo_cast import Cast
from sandbox.demo_race import HOURS, QUOTA_HOURS, RACE, in_order
from sandbox.demo_readback import Evidence, Json
from sandbox.demo_story import Course

ANSWER_SECONDS = 3.0  # Slack's patience
CRASHES = 1
_KILLED = -9
_UNAUTHORIZED = 401
_SHOWN = 8
_HARMLESS = {"DR-106"}  # who leaves before the bot knows them has nothing to leave


@dataclass(frozen=True, slots=True)
class Claim:
    """Something the demo says about the bot, and how what was read back differs from it; empty when true."""

    sentence: str
    differs: tuple[str, ...]


def prove(evidence: Evidence, course: Course, cast: Cast) -> list[Claim]:
    """Return every claim."""
    return [
        *directories(evidence, cast),
        *chat(evidence, cast),
        *on_the_way(course, cast),
        *race_night(evidence, course, cast),
    ]


def directories(evidence: Evidence, cast: Cast) -> list[Claim]:
    """Return the claims about the two groups."""
    wanted = cast.members
    store = set(evidence.store)
    twice = [key for key, count in Counter(evidence.store).items() if count > 1]
    return [
        Claim(
            f"Entra's group has the {len(cast.racers)} racers, two whom an administrator added, no one else",
            _against(wanted, evidence.group),
        ),
        Claim("IAM Identity Center's group has the same members", _against(wanted, store)),
        Claim("nobody is in a group twice", _each(twice, "has two memberships")),
        Claim(
            f"{cast.member_before} was a member before, has left the event, and is still a member",
            _each({cast.member_before} - (store & set(evidence.group)), "was removed"),
        ),
        Claim(
            f"{cast.newcomer} was not known to AWS and is in",
            _each({cast.newcomer} - store, "is not in the identity store's group"),
        ),
    ]


def chat(evidence: Evidence, cast: Cast) -> list[Claim]:
    """Return the claims about what people were told."""
    told_ready = _whose(evidence, words.is_ready)
    told_gone = _whose(evidence, words.is_gone)
    codes = {key: _codes(evidence.messages[key]) for key in evidence.messages}
    wrong_code = [
        f"{key} read {', '.join(sorted(codes.get(key, ()))) or 'no code'}, not {code}"
        for key, (_, code) in cast.outsiders.items()
        if codes.get(key) != {code}
    ]
    errors = [
        f"{key} read {', '.join(sorted(found - _HARMLESS))}"
        for key, found in sorted(codes.items())
        if found - _HARMLESS and key not in cast.outsiders
    ]
    return [
        Claim(
            "every racer has the link in a direct message, and no outsider",
            _against(cast.got_ready, told_ready),
        ),
        Claim(
            "those who left were told when it was done, and nobody else", _against(cast.leavers, told_gone)
        ),
        Claim(
            f"{len(cast.outsiders)} outsiders were refused, each with the reason and its code",
            tuple(wrong_code),
        ),
        Claim("nobody who may join saw an error, in spite of throttling and the crash", tuple(errors)),
        Claim(
            f"{cast.in_both} joined in Slack and in Teams: one link, where they asked last, and both say so",
            _in_both(evidence.messages.get(cast.in_both, ())),
        ),
        Claim(
            "each message came once, but for at most one more after the crash",
            _each([key for key, more in duplicates(evidence).items() if more > CRASHES], "got more"),
        ),
    ]


def _in_both(messages: Iterable[Json]) -> tuple[str, ...]:
    """Return what is wrong with the messages of somebody who joined on both platforms."""
    links = [one["platform"] for one in messages if one["surface"] == "dm" and words.is_ready(one["text"])]
    answers = {one["platform"]: one["text"] for one in messages if one["surface"] == "ephemeral"}
    differs = [] if links == ["teams"] else [f"the link came to {', '.join(sorted(links)) or 'no place'}"]
    differs += [
        f"the answer in {platform} reads {text.partition(chr(10))[0]!r}"
        for platform, text in answers.items()
        if not words.is_ready(text)
    ]
    return tuple(differs) if len(answers) == 2 else (*differs, "they were not answered on both")  # noqa: PLR2004


def on_the_way(course: Course, cast: Cast) -> list[Claim]:
    """Return the claims about what happened meanwhile."""
    late = [seconds for seconds in course.answer_seconds if seconds >= ANSWER_SECONDS]
    again = [
        key for key in sorted(cast.twice) if not course.second_answers.get(key, "").startswith("You're ")
    ]
    pushed = any(call["operation"] == "POST provisionOnDemand" for call in course.graph_calls)
    stories = {
        "the directory refused nothing with 429": not throttled(course.graph_calls),
        "nobody was pushed on demand": not pushed,
        f"the worker ended with {course.worker_exit}, not by SIGKILL": course.worker_exit != _KILLED,
        "nobody was in the worker's hands when it was killed": not course.in_hand,
    }
    return [
        Claim(
            "every request was answered within three seconds, as Slack demands",
            tuple(f"{one:.1f} s" for one in late),
        ),
        Claim("joining twice is answered in a friendly way and changes nothing", _each(again, "was not")),
        Claim("a request delivered twice is answered twice and done once", _replayed(course)),
        Claim("forged and stale requests get 401", _refused(course.forged)),
        Claim(
            "the storm, the push and the crash were real",
            tuple(what for what, is_so in stories.items() if is_so),
        ),
    ]


def race_night(evidence: Evidence, course: Course, cast: Cast) -> list[Claim]:
    """Return the claims about the second event."""
    boards = [post for post in evidence.channel if post["text"].startswith(f"{RACE}: the leaderboard")]
    shown = boards[-1]["says"] if boards else ""
    wrong = [f"there are {len(boards)}"] if len(boards) != 1 else []
    wrong += [] if in_order(shown, course.standing) else [f"it shows {shown!r}"]
    wrong += [] if boards and boards[-1]["versions"] else ["it was never edited"]
    return [
        Claim(
            f"the racing site has accounts for the {len(cast.night)} racers of {NIGHT}, and no one else's",
            _against(cast.night, evidence.at_site),
        ),
        Claim(
            f"the site lets {cast.promoted} train {HOURS} hours a month, as organizers said, the others 10",
            _against_minutes(course.minutes, cast),
        ),
        Claim("one leaderboard stands in the channel, edited in place, and is as the race is", tuple(wrong)),
    ]


def _against_minutes(found: Mapping[str, int], cast: Cast) -> tuple[str, ...]:
    hours = dict.fromkeys(cast.night, QUOTA_HOURS) | {cast.promoted: HOURS}
    return tuple(
        f"{key} may train {found.get(key)} minutes, not {wanted * 60}"
        for key, wanted in hours.items()
        if found.get(key) != wanted * 60
    )


def duplicates(evidence: Evidence) -> dict[str, int]:
    """Return for each person who got the same direct message more than once, how many too many."""
    more = {}
    for key in evidence.messages:
        texts = Counter(message["text"] for message in evidence.direct(key))
        if repeated := sum(texts.values()) - len(texts):
            more[key] = repeated
    return more


def _whose(evidence: Evidence, says: Callable[[str], bool]) -> set[str]:
    return {key for key in evidence.messages if any(says(one["text"]) for one in evidence.direct(key))}


def _codes(messages: Iterable[Json]) -> set[str]:
    """Return every code these messages show or showed."""
    texts = [
        text for one in messages for text in (one["text"], *(version["text"] for version in one["versions"]))
    ]
    return {code for code in map(words.code, texts) if code is not None}


def _replayed(course: Course) -> tuple[str, ...]:
    replay = course.replay
    if replay is None:
        return ("no request was replayed",)
    differs = (
        [] if replay.first == replay.second else [f"it was answered {replay.first!r}, then {replay.second!r}"]
    )
    if replay.seen_before != replay.seen_after:
        differs.append(f"the person sees {replay.seen_after} messages, before it were {replay.seen_before}")
    return tuple(differs)


def _refused(forged: Mapping[str, int]) -> tuple[str, ...]:
    if not forged:
        return ("none was sent",)
    return tuple(
        f"a request {what} got {status}" for what, status in forged.items() if status != _UNAUTHORIZED
    )


def _against(wanted: Collection[str], found: Collection[str]) -> tuple[str, ...]:
    missing, more = set(wanted) - set(found), set(found) - set(wanted)
    return _each(missing, "is missing") + _each(more, "is there and should not be")


def _each(keys: Iterable[str], what: str) -> tuple[str, ...]:
    names = sorted(keys)
    shown = [f"{name} {what}" for name in names[:_SHOWN]]
    return (*shown, f"and {len(names) - _SHOWN} more") if len(names) > _SHOWN else tuple(shown)
