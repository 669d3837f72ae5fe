"""JSON 1.1 as AWS services speak it: refusals, pages, rate limits, and the rules for what is asked.

Rules (required members, lengths, ranges, patterns, enums) come from the service models in botocore, so the
simulators refuse what the model forbids. botocore itself checks only a part of it before sending.
"""

import base64
import binascii
import heapq
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, ServiceModel, Shape, StructureShape

from sandbox.clock import Clock

LARGEST_PAGE = 100

Operation = Callable[[dict[str, Any]], dict[str, Any]]  # members asked -> members answered


class AwsError(Exception):
    """A refusal; `fields` are the members the service's model gives this error beside its message."""

    def __init__(self, code: str, message: str, *, status: int = 400, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.body: dict[str, Any] = {"__type": code, "Message": message, **fields}


def throttling(seconds: float) -> AwsError:
    """Return the refusal of a caller who is too fast; the model wants whole seconds, so they are rounded up.

    AWS answers throttling of these two services with HTTP 400, not 429.
    """
    return AwsError("ThrottlingException", "Rate exceeded", RetryAfterSeconds=max(1, math.ceil(seconds)))


@dataclass
class TokenBucket:
    """A rate limit: `burst` calls at once, then `rate_per_second`."""

    clock: Clock
    rate_per_second: float
    burst: float
    _left: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._left = self.burst
        self._at = self.clock.now()

    def limit(self, rate_per_second: float, burst: float) -> None:
        """Change the rate from now on, with a full bucket."""
        self.rate_per_second = rate_per_second
        self.burst = self._left = burst
        self._at = self.clock.now()

    def take(self) -> float:
        """Take one call; return 0.0 when it may pass, else the seconds until the next one may."""
        now = self.clock.now()
        self._left = min(self.burst, self._left + (now - self._at) * self.rate_per_second)
        self._at = now
        if self._left < 1.0:
            return (1.0 - self._left) / self.rate_per_second
        self._left -= 1.0
        return 0.0


def page(keys: Iterable[str], asked: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Return one page of these keys in ascending order, and the `NextToken` member when there are more.

    The token names the last key shown, so what is added or deleted between two pages never shifts the rest.
    """
    size = int(asked.get("MaxResults") or LARGEST_PAGE)
    after = _read_token(asked["NextToken"]) if asked.get("NextToken") else ""
    found = heapq.nsmallest(size + 1, (key for key in keys if key > after))
    if len(found) <= size:
        return found, {}
    return found[:size], {"NextToken": base64.urlsafe_b64encode(f"after:{found[size - 1]}".encode()).decode()}


def _read_token(token: str) -> str:
    try:
        word, _, after = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        word, after = "", ""
    if word != "after":
        raise AwsError("ValidationException", "The provided NextToken is not valid.")
    return after


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


class InputRules:
    """What one service accepts, by its model in botocore."""

    def __init__(self, service: str) -> None:
        self._model = _model(service)
        self.target_prefix = str(self._model.metadata["targetPrefix"])
        self.signing_name = str(self._model.signing_name)
        # What breaks the model's rules is refused under the one of these names that the service knows.
        known = "ValidationException" in self._model.shape_names
        self._refused_as = "ValidationException" if known else "InvalidParameterException"

    def needs_signature(self, operation: str) -> bool:
        """Whether this operation must be signed; one that the model does not know must be."""
        if operation not in self._model.operation_names:
            return True
        return bool(self._model.operation_model(operation).auth_type != "none")

    def check(self, operation: str, asked: dict[str, Any]) -> None:
        """Raise the refusal that names every rule of the model that is broken."""
        shape = self._model.operation_model(operation).input_shape
        broken = list(_broken(shape, asked, "")) if shape is not None else []
        if broken:
            count = "1 validation error" if len(broken) == 1 else f"{len(broken)} validation errors"
            raise AwsError(self._refused_as, f"{count} detected: {'; '.join(broken)}")


_TYPES: dict[str, type] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "integer": int,
    "boolean": bool,
}


def _broken(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Yield one sentence for each rule that the value breaks, in the words of AWS."""
    if isinstance(shape, StructureShape) and shape.is_document_type:
        return
    if not _is_of_type(shape, value):
        raise AwsError("SerializationException", f"Unexpected type at '{path}'")
    if isinstance(shape, StructureShape):
        yield from _broken_members(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _outside(shape, len(value), value, path, "length")
        for number, item in enumerate(value, start=1):
            yield from _broken(shape.member, item, f"{path}.{number}.member")
    elif isinstance(value, str):
        yield from _broken_text(shape, value, path)
    elif shape.type_name == "integer":
        yield from _outside(shape, value, value, path, "value")


def _is_of_type(shape: Shape, value: Any) -> bool:
    return type(value) is _TYPES[shape.type_name]


def _broken_members(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[str]:
    given = {name: item for name, item in value.items() if name in shape.members and item is not None}
    for name in shape.required_members:
        if name not in given:
            yield _sentence(None, _below(path, name), "Member must not be null")
    if shape.is_tagged_union and len(given) != 1:
        yield _sentence(value, path, "Member must have exactly one of its members set")
    for name, item in given.items():
        yield from _broken(shape.members[name], item, _below(path, name))


def _broken_text(shape: Shape, value: str, path: str) -> Iterator[str]:
    rules = shape.metadata
    yield from _outside(shape, len(value), value, path, "length")
    if rules.get("enum") and value not in rules["enum"]:
        yield _sentence(value, path, f"Member must satisfy enum value set: [{', '.join(rules['enum'])}]")
    pattern = rules.get("pattern")
    # Patterns by Unicode category (\p{L}) have no counterpart in `re`; they forbid next to nothing.
    if pattern and "\\p" not in pattern and re.fullmatch(pattern, value) is None:
        yield _sentence(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _outside(shape: Shape, size: int, value: Any, path: str, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield _sentence(value, path, f"Member must have {what} greater than or equal to {least}")
    if most is not None and size > most:
        yield _sentence(value, path, f"Member must have {what} less than or equal to {most}")


def _below(path: str, name: str) -> str:
    return f"{path}.{name[0].lower()}{name[1:]}".lstrip(".")


def _sentence(value: Any, path: str, rule: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {rule}"
