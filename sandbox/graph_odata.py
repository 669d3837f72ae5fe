"""OData `$filter` as Graph understands it for directory objects: parsed strictly, refused where Graph
refuses.

    text -> tokens -> clauses (and, or, not, comparisons, functions, any) -> a predicate over records

By default eq, in and startsWith are supported; ne, not, endsWith, ge, le and null need the advanced query
capabilities. At most 15 clauses may stand under an OR. Strings are compared without regard to case.
Source: learn.microsoft.com, "Advanced query capabilities on Microsoft Entra ID objects".
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Never

from sandbox.graph_wire import GraphError

MOST_CLAUSES: Final = 15
Getter = Callable[[Any], Any]
Predicate = Callable[[Any], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<word>[A-Za-z_@][\w.@/]*)|(?P<number>-?\d[\w.:-]*)|(?P<sign>[(),:]))"
)
_CONSTANTS = {"true": True, "false": False, "null": None}
_ADVANCED_OPERATORS = {"ne", "ge", "le", "gt", "lt"}


@dataclass(frozen=True, slots=True)
class Kind:
    """What may be asked about one type of object: its name in messages, and the getter of each property."""

    name: str
    properties: Mapping[str, Getter]
    filterable: frozenset[str]
    advanced_only: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter. `equals` are (property, lower-case value) of a pure OR of equalities, else empty."""

    matches: Predicate
    equals: tuple[tuple[str, str], ...]


def parse(text: str, kind: Kind, *, advanced: bool) -> Filter:
    """Parse a filter. Raises GraphError 400 with Graph's message when it is malformed or not supported."""
    parser = _Parser(text, kind, advanced=advanced)
    clause = parser.either()
    if parser.peek() is not None:
        parser.malformed(f"Syntax error at position {parser.position}")
    if clause.width > MOST_CLAUSES:
        raise GraphError(
            400,
            "Request_UnsupportedQuery",
            "Too many child clauses specified in search filter expression containing 'OR' operators:"
            f" {clause.width}. Max allowed: {MOST_CLAUSES}.",
        )
    return Filter(clause.test, clause.equals)


@dataclass(frozen=True, slots=True)
class _Clause:
    test: Predicate
    width: int = 1  # how many clauses stand under the widest OR
    equals: tuple[tuple[str, str], ...] = ()


class _Parser:
    """A recursive descent over the tokens of one filter."""

    def __init__(self, text: str, kind: Kind, *, advanced: bool) -> None:
        self._text = text
        self._kind = kind
        self._advanced = advanced
        self._tokens = self._tokenize()
        self._next = 0

    @property
    def position(self) -> int:
        """Where in the text the next token stands."""
        return self._tokens[self._next][2] if self._next < len(self._tokens) else len(self._text)

    def peek(self) -> str | None:
        """Return the next token without taking it; None at the end."""
        return self._tokens[self._next][1] if self._next < len(self._tokens) else None

    def malformed(self, why: str) -> Never:
        """Refuse the filter as one that cannot be read."""
        raise GraphError(400, "BadRequest", f"Invalid filter clause: {why} in '{self._text}'.")

    def either(self) -> _Clause:
        """Read clauses joined by `or`."""
        clauses = [self._both()]
        while self._took("or"):
            clauses.append(self._both())
        if len(clauses) == 1:
            return clauses[0]
        tests = [clause.test for clause in clauses]
        pure = all(clause.equals for clause in clauses)
        return _Clause(
            lambda record: any(test(record) for test in tests),
            sum(clause.width for clause in clauses),
            tuple(pair for clause in clauses for pair in clause.equals) if pure else (),
        )

    def _both(self) -> _Clause:
        clauses = [self._one()]
        while self._took("and"):
            clauses.append(self._one())
        if len(clauses) == 1:
            return clauses[0]
        tests = [clause.test for clause in clauses]
        return _Clause(
            lambda record: all(test(record) for test in tests), max(clause.width for clause in clauses)
        )

    def _one(self) -> _Clause:
        if self._took("not"):
            self._demand_advanced("not")
            inner = self._one()
            return _Clause(lambda record: not inner.test(record), inner.width)
        if self._took("("):
            inner = self.either()
            self._expect(")")
            return inner
        word = self._word()
        if self.peek() == "(" and word.lower() in {"startswith", "endswith"}:
            return self._function(word.lower(), self._getter)
        if word.endswith("/any") and self.peek() == "(":
            return self._any(word.removesuffix("/any"))
        return self._comparison(word, self._getter(word), keyed=word)

    def _function(self, name: str, getter_of: Callable[[str], Getter]) -> _Clause:
        self._expect("(")
        about = self._word()
        getter = getter_of(about)
        self._expect(",")
        value = self._literal()
        self._expect(")")
        if not isinstance(value, str):
            self.malformed(
                f"No function signature for the function with name '{name}' matches the specified arguments"
            )
        if name == "endswith" or about in self._kind.advanced_only:
            self._demand_advanced(about)
        wanted = value.lower()
        if name == "startswith":
            return _Clause(lambda record: str(getter(record) or "").lower().startswith(wanted))
        return _Clause(lambda record: str(getter(record) or "").lower().endswith(wanted))

    def _any(self, name: str) -> _Clause:
        """Read `proxyAddresses/any(p:p eq 'x' or startsWith(p,'y'))`."""
        getter = self._getter(name)
        self._expect("(")
        variable = self._word()
        self._expect(":")
        clauses = [self._within(variable, name)]
        while self._took("or"):
            clauses.append(self._within(variable, name))
        self._expect(")")
        tests = [clause.test for clause in clauses]
        pure = all(clause.equals for clause in clauses)
        return _Clause(
            lambda record: any(test(value) for value in getter(record) or () for test in tests),
            len(clauses),
            tuple(pair for clause in clauses for pair in clause.equals) if pure else (),
        )

    def _within(self, variable: str, name: str) -> _Clause:
        def itself(word: str) -> Getter:
            if word != variable:
                self.malformed(f"Could not find a property named '{word}' on type 'Edm.String'")
            return lambda value: value

        word = self._word()
        if self.peek() == "(" and word.lower() in {"startswith", "endswith"}:
            return self._function(word.lower(), itself)
        return self._comparison(name, itself(word), keyed=name)

    def _comparison(self, name: str, getter: Getter, *, keyed: str) -> _Clause:
        operator = self._word().lower()
        if operator == "in":
            values = self._list()
        elif operator == "eq" or operator in _ADVANCED_OPERATORS:
            values = [self._literal()]
        else:
            self.malformed(f"Syntax error at position {self.position}")
        if operator in _ADVANCED_OPERATORS or None in values or name in self._kind.advanced_only:
            self._demand_advanced(name)
        if operator in {"ge", "le", "gt", "lt"}:
            self._unsupported(name)
        wanted = {_folded(value) for value in values}
        if operator == "ne":
            return _Clause(lambda record: _folded(getter(record)) not in wanted)
        equals = tuple((keyed, value.lower()) for value in values if isinstance(value, str))
        return _Clause(
            lambda record: _folded(getter(record)) in wanted,
            len(values),
            equals if len(equals) == len(values) else (),
        )

    def _getter(self, name: str) -> Getter:
        if name not in self._kind.properties:
            self.malformed(
                f"Could not find a property named '{name}' on type"
                f" 'microsoft.graph.{self._kind.name.lower()}'"
            )
        if name not in self._kind.filterable:
            self._unsupported(name)
        return self._kind.properties[name]

    def _demand_advanced(self, name: str) -> None:
        if not self._advanced:
            self._unsupported(name)

    def _unsupported(self, name: str) -> Never:
        raise GraphError(
            400,
            "Request_UnsupportedQuery",
            f"Unsupported or invalid query filter clause specified for property '{name}' of resource"
            f" '{self._kind.name}'.",
        )

    def _list(self) -> list[Any]:
        self._expect("(")
        values = [self._literal()]
        while self._took(","):
            values.append(self._literal())
        self._expect(")")
        return values

    def _literal(self) -> Any:
        sort, token, position = self._take()
        if sort == "text":
            return token[1:-1].replace("''", "'")
        if sort != "word" or token not in _CONSTANTS:
            self.malformed(f"A literal was expected at position {position}")
        return _CONSTANTS[token]

    def _word(self) -> str:
        sort, token, position = self._take()
        if sort != "word":
            self.malformed(f"Expression expected at position {position}")
        return token

    def _took(self, token: str) -> bool:
        if self.peek() != token:
            return False
        self._next += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._took(token):
            self.malformed(f"')' or operator expected at position {self.position}")

    def _take(self) -> tuple[str, str, int]:
        if self._next >= len(self._tokens):
            self.malformed(f"Expression expected at position {len(self._text)}")
        self._next += 1
        return self._tokens[self._next - 1]

    def _tokenize(self) -> list[tuple[str, str, int]]:
        found: list[tuple[str, str, int]] = []
        position = 0
        while self._text[position:].strip():
            match = _TOKEN.match(self._text, position)
            if match is None:
                start = len(self._text) - len(self._text[position:].lstrip())
                if self._text[start] == "'":
                    self.malformed(f"There is an unterminated string literal at position {len(self._text)}")
                self.malformed(
                    f"Syntax error: character '{self._text[start]}' is not valid at position {start}"
                )
            found.append(
                (match.lastgroup or "", match[match.lastgroup or 0], match.start(match.lastgroup or 0))
            )
            position = match.end()
        return found


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
