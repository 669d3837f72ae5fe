"""What the values of an event file must look like, and the reader that notes every fault on its way."""

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from bot.faults import Fault, nearest

Table = dict[str, Any]
Wrong = tuple[str, str]  # what is wrong, and the mend
Form = Callable[[str], Wrong | None]

_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CHANNEL = re.compile(r"slack:[CG][A-Z0-9]{2,}|teams:19:[^\s@]+@thread\.(tacv2|skype|v2)")
_CHANNEL_LINK = re.compile(r"https://teams\.(?:microsoft\.com|cloud\.microsoft)/l/channel/([^/?#\s]+)")
_STAND_IN = datetime(2000, 1, 1, tzinfo=UTC)  # for a time that is wrong; never leaves the parser
_LONGEST_WORD, _LONGEST_OPTION = 20, 75  # what fits into a button, and into a list
_LONGEST_ID, _LONGEST_LINE = 64, 150  # what fits into a key, and into a header of a message


class Reader:
    """Reads one table of the file and notes what is wrong with it; asks for every key that is known."""

    def __init__(self, given: Table, path: str, faults: list[Fault] | None = None) -> None:
        self.given = given
        self.faults: list[Fault] = [] if faults is None else faults
        self._path = path
        self._asked: list[str] = []
        self._wrong: set[str] = set()

    def fault(self, key: str, what: str, mend: str) -> None:
        """Note that something is wrong with this key."""
        self._wrong.add(key)
        self.faults.append(Fault(f"{self._path}{key}", what, mend))

    def is_sound(self, *keys: str) -> bool:
        """Whether nothing was found wrong with these keys."""
        return not self._wrong.intersection(keys)

    def finish(self) -> None:
        """Note the keys that nobody asked for."""
        for key in self.given:
            if key not in self._asked:
                meant = nearest(key, self._asked, 0.6)
                mend = f"Did you mean {meant}?" if meant else f"Known here: {', '.join(sorted(self._asked))}."
                self.fault(key, "is no key of an event file", mend)

    def take(self, key: str) -> Any:
        """Return the value of this key as it stands, None when it is not there."""
        self._asked.append(key)
        return self.given.get(key)

    def text(self, key: str, form: Form | None = None, default: str | None = None) -> str:
        """Read a text of this form."""
        value = self.take(key)
        if value is None and default is not None:
            return default
        return self._text(key, value, form, f'Write it as {key} = "…".')

    def texts(self, key: str, form: Form, at_least: int = 0) -> tuple[str, ...]:
        """Read a list of texts of this form; one that stands twice is a fault."""
        value = self._list(key, at_least, f'Write it as {key} = ["…"].')
        found = tuple(self._text(key, item, form, f'Write it as {key} = ["…"].') for item in value)
        for item in dict.fromkeys(item for item in found if item and found.count(item) > 1):
            self.fault(key, f"has {item} twice", "Take one out.")
        return found

    def number(self, key: str, *, at_least: int, default: int | None = None) -> int:
        """Read a whole number."""
        value = self.take(key)
        if value is None and default is not None:
            return default
        if value is None:
            self.fault(key, "is missing", f"Write it as {key} = {max(at_least, 10)}.")
        elif not isinstance(value, int) or isinstance(value, bool):
            self.fault(
                key, "is not a whole number", f"Write it as {key} = {max(at_least, 10)}, without quotes."
            )
        elif value < at_least:
            self.fault(key, f"is {value}", f"Give at least {at_least}.")
        else:
            return value
        return at_least

    def switch(self, key: str) -> bool:
        """Read what is on or off; it is off when nothing says so."""
        value = self.take(key)
        if value is not None and not isinstance(value, bool):
            self.fault(key, "is neither true nor false", f"Write it as {key} = true, without quotes.")
        return value is True

    def time(self, key: str) -> datetime:
        """Read a moment with its zone; it comes back in UTC."""
        value = self.take(key)
        example = "Write it as 2027-03-01T09:00:00+01:00, without quotes."
        if value is None:
            self.fault(key, "is missing", example)
        elif not isinstance(value, datetime):
            self.fault(key, "is not a date with a time", example)
        elif value.tzinfo is None:
            self.fault(key, "has no zone", f"Say which zone: {value.isoformat()}+01:00, or Z for UTC.")
        else:
            return value.astimezone(UTC)
        return _STAND_IN

    def table(self, key: str) -> "Reader":
        """Read a table within this one."""
        value = self.take(key)
        path = f"{self._path}{key}."
        if isinstance(value, dict):
            return Reader(value, path, self.faults)
        what = "is missing" if value is None else "is not a table"
        self.fault(key, what, f"Write its keys under [{self._path}{key}].")
        return Reader({}, path, [])  # what it lacks is one fault, not twenty

    def tables(self, key: str, at_least: int = 0) -> list["Reader"]:
        """Read a list of tables; each is named with its number, from 1."""
        value = self._list(key, at_least, f"Write each as a table under [[{self._path}{key}]].")
        readers = []
        for number, item in enumerate(value, 1):
            if isinstance(item, dict):
                readers.append(Reader(item, f"{self._path}{key}[{number}].", self.faults))
            else:
                self.fault(
                    key, f"has something else than a table in place {number}", "Write each as a table."
                )
        return readers

    def _list(self, key: str, at_least: int, mend: str) -> list[Any]:
        value = self.take(key)
        if value is None and not at_least:
            return []
        if not isinstance(value, list):
            self.fault(key, "is missing" if value is None else "is not a list", mend)
            return []
        if len(value) < at_least:
            self.fault(key, "is empty", f"Give at least {at_least}.")
        return value

    def _text(self, key: str, value: Any, form: Form | None, mend: str) -> str:
        if value is None:
            self.fault(key, "is missing", mend)
        elif not isinstance(value, str):
            self.fault(key, "is not a text", mend)
        elif not value.strip():
            self.fault(key, "is empty", mend)
        elif form is not None and (wrong := form(value)) is not None:
            self.fault(key, *wrong)
        else:
            return value
        return ""


def slug(text: str) -> Wrong | None:
    """Check the id of an event."""
    if re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", text) and len(text) <= _LONGEST_ID:
        return None
    mend = f'Lower-case letters, digits and single dashes, at most {_LONGEST_ID}: "spring-cup-2027".'
    return f"{text!r} is no event id", mend


def word(text: str) -> Wrong | None:
    """Check the id of something within an event."""
    if re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", text) and len(text) <= _LONGEST_WORD:
        return None
    return (
        f"{text!r} is no id",
        f'Lower-case letters, digits and single dashes, at most {_LONGEST_WORD}: "ml".',
    )


def price(text: str) -> Wrong | None:
    """Check a price: an amount and, if wanted, the three letters of a currency."""
    if re.fullmatch(r"\d{1,6}(?:\.\d{1,4})?(?: [A-Z]{3})?", text):
        return None
    return f"{text!r} is no price", 'An amount, and a currency by its three letters: "0.85 USD".'


def option(text: str) -> Wrong | None:
    """Check an answer that can be chosen."""
    if text.isprintable() and len(text) <= _LONGEST_OPTION:
        return None
    return "does not fit into a list", f"Use at most {_LONGEST_OPTION} printable characters."


def line(text: str) -> Wrong | None:
    """Check words that stand on one line of a message."""
    if text.isprintable() and len(text) <= _LONGEST_LINE:
        return None
    return "does not fit on one line", f"Use at most {_LONGEST_LINE} printable characters."


def domain(text: str) -> Wrong | None:
    """Check an exact e-mail domain."""
    if re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})+", text.lower()):
        return None
    mend = "Write each domain by itself, without @ and without *; a domain does not stand for its subdomains."
    return f"{text!r} is no exact domain", mend


def host(text: str) -> Wrong | None:
    """Check an exact host."""
    if re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*(?::\d{{1,5}})?", text.lower()):
        return None
    return f"{text!r} is no exact host", "Write the host alone, without https://, path or *."


def https(text: str) -> Wrong | None:
    """Check an https address that can be a link in a message."""
    try:
        url = urlsplit(text)
        sound = url.scheme == "https" and bool(url.hostname) and url.port != 0
    except ValueError:
        sound = False
    if sound and "@" not in url.netloc and not re.search(r"[\s<>|\"\\]", text) and text.isprintable():
        return None
    return (
        f"{text!r} is no https address",
        "Write it as https://host/path, with other characters percent-encoded.",
    )


def site(text: str) -> Wrong | None:
    """Check the address of a racing site: https and a host, nothing behind it."""
    wrong = https(text)
    if wrong is None and urlsplit(text)._replace(path="").geturl() != text.rstrip("/"):
        return (
            f"{text!r} is more than a site's address",
            "Write https:// and the host, without path or query.",
        )
    return wrong


def channel(text: str) -> Wrong | None:
    """Check a channel of a chat platform."""
    if _CHANNEL.fullmatch(text):
        return None
    linked = linked_channel(text)
    mend = (
        "Write slack: and the id of the channel (C…, at the end of its details), not its name."
        if linked is None
        else f"Write {linked}: that is the channel of this link."
    )
    return f"{text!r} is no channel", mend


def linked_channel(text: str) -> str | None:
    """Return the channel of a link as Teams copies it (*Get link to channel*), None for any other text."""
    found = _CHANNEL_LINK.match(text)
    named = f"teams:{unquote(found[1])}" if found else ""
    return named if _CHANNEL.fullmatch(named) else None


def guid(text: str) -> Wrong | None:
    """Check an object id of Entra."""
    if re.fullmatch(_GUID, text.lower()):
        return None
    return (
        f"{text!r} is no object id",
        "Copy the Object ID from the Entra admin center: 8-4-4-4-12 hex digits.",
    )


def store_group(text: str) -> Wrong | None:
    """Check a group id of an identity store (the pattern of its API model)."""
    if re.fullmatch(rf"(?:[0-9a-f]{{10}}-)?{_GUID}", text.lower()):
        return None
    return f"{text!r} is no group id", "Copy the Group ID from IAM Identity Center, Groups."


def identity_store(text: str) -> Wrong | None:
    """Check an identity store id."""
    if re.fullmatch(r"d-[0-9a-f]{10}", text):
        return None
    return f"{text!r} is no identity store id", "Write d- and ten hex digits: IAM Identity Center, Settings."


def account(text: str) -> Wrong | None:
    """Check an AWS account id."""
    if re.fullmatch(r"\d{12}", text):
        return None
    return f"{text!r} is no account id", 'Write its twelve digits in quotes: "111122223333".'


def instance_arn(text: str) -> Wrong | None:
    """Check the ARN of an Identity Center instance."""
    if re.fullmatch(r"arn:aws[a-z-]*:sso:::instance/(?:sso)?ins-[A-Za-z0-9.-]{16}", text):
        return None
    return f"{text!r} is no ARN of an instance", "Write it as arn:aws:sso:::instance/ssoins-…."


def permission_set_arn(text: str) -> Wrong | None:
    """Check the ARN of a permission set."""
    pattern = r"arn:aws[a-z-]*:sso:::permissionSet/(?:sso)?ins-[A-Za-z0-9.-]{16}/ps-[A-Za-z0-9./-]{16}"
    if re.fullmatch(pattern, text):
        return None
    return f"{text!r} is no ARN of a permission set", "Write arn:aws:sso:::permissionSet/ssoins-…/ps-…."


def kind(given: str, served: Collection[str]) -> Wrong:
    """Say why a grant of this kind is refused."""
    meant = nearest(given, served, 0.6)
    return (
        f"{given!r} is no kind of grant",
        f"Did you mean {meant}?" if meant else f"Use {' or '.join(served)}.",
    )
