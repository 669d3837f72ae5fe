"""A client of DynamoDB to which happens what happens on the way there."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

WRITES = ("put_item", "delete_item", "update_item", "transact_write_items", "batch_write_item")


class Client:
    """Passes every call on, and notes it; subclasses stand in the way."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: list[tuple[str, dict[str, Any]]] = []

    @property
    def writes(self) -> list[tuple[str, dict[str, Any]]]:
        return [call for call in self.calls if call[0] in WRITES]

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**asked: Any) -> Any:
            self.calls.append((operation, asked))
            return self.pass_on(operation, asked)

        return call

    def pass_on(self, operation: str, asked: dict[str, Any]) -> Any:
        return getattr(self._client, operation)(**asked)


class Dying(Client):
    """Gets through with so many writes, and then nothing does any more: the process is gone."""

    def __init__(self, client: Any, writes: int) -> None:
        super().__init__(client)
        self.left = writes

    def pass_on(self, operation: str, asked: dict[str, Any]) -> Any:
        if operation in WRITES:
            self.left -= 1
        if self.left < 0:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")
        return super().pass_on(operation, asked)


class LosingAnswers(Client):
    """Writes what it is told, and the first answer to each write is lost."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.lost: set[str] = set()

    def pass_on(self, operation: str, asked: dict[str, Any]) -> Any:
        answer = super().pass_on(operation, asked)
        if operation in WRITES and repr(asked) not in self.lost:
            self.lost.add(repr(asked))
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return answer


class Lagging(Client):
    """Its indexes stand still from the moment on when it is told so: they give the answers they gave last."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.stands_still = False
        self.answers: dict[str, Any] = {}

    def pass_on(self, operation: str, asked: dict[str, Any]) -> Any:
        known = repr(asked)
        if operation != "query" or "IndexName" not in asked:
            return super().pass_on(operation, asked)
        if not self.stands_still or known not in self.answers:
            self.answers[known] = super().pass_on(operation, asked)
        return self.answers[known]
