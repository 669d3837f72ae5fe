"""`POST /$batch`: up to twenty requests in one, each throttled, befallen by faults, logged and answered as
its own.

The items of one batch are worked through one after another in an order of the dice (except that an item waits
for those it depends on), so two of them never collide on a group; the answers come in another order still.
Source: learn.microsoft.com, "Combine multiple HTTP requests using JSON batching".
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from sandbox.entra import CLIENT_ID
from sandbox.graph_switches import Switches
from sandbox.graph_throttle import too_many
from sandbox.graph_wire import Answer, Ask, GraphError, Route, error_answer, query, segments
from sandbox.wire import CallLog, Fault, Faults

MOST_REQUESTS: Final = 20
_METHODS = {"GET", "POST", "PATCH", "PUT", "DELETE"}
_THROTTLED = 429
_FAILED_DEPENDENCY = 424
_FIRST_FAILURE = 400


class Batch:
    """The route of batches. `dispatch` answers one request; `named` tells its operation."""

    def __init__(
        self,
        log: CallLog,
        faults: Faults,
        switches: Switches,
        dice: random.Random,
        *,
        dispatch: Callable[[Ask], Awaitable[Answer]],
        named: Callable[[Ask], str],
    ) -> None:
        self._log = log
        self._faults = faults
        self._switches = switches
        self._dice = dice
        self._dispatch = dispatch
        self._named = named

    def routes(self) -> list[Route]:
        """Return the route. The batch itself costs nothing; its items do."""
        return [Route("POST", "/$batch", self.run, units=0, operation="$batch")]

    async def run(self, ask: Ask) -> Answer:
        """Answer 200 with an answer for each item, whatever became of it."""
        items = _read_items(ask)
        ask.detail["requests"] = len(items)
        order = list(items)
        self._dice.shuffle(order)
        answers: dict[str, Answer] = {}
        for item_id in order:
            await self._settle(item_id, items, answers, ask)
        responses = [
            {"id": item_id, "status": answer.status, "headers": _headers(answer), "body": answer.body}
            for item_id, answer in answers.items()
        ]
        self._dice.shuffle(responses)
        is_throttled = any(answer.status == _THROTTLED for answer in answers.values())
        status = _FAILED_DEPENDENCY if is_throttled and self._switches.batch_424 else 200
        return Answer(status, {"responses": responses})

    async def _settle(
        self, item_id: str, items: Mapping[str, dict[str, Any]], answers: dict[str, Answer], outer: Ask
    ) -> None:
        if item_id in answers:
            return
        item = items[item_id]
        for earlier in item.get("dependsOn") or ():
            await self._settle(earlier, items, answers, outer)
            if answers[earlier].status >= _FIRST_FAILURE:
                error = GraphError(
                    _FAILED_DEPENDENCY, "FailedDependency", "A request this one depends on has failed."
                )
                answers[item_id] = error_answer(error, outer)
                return
        answers[item_id] = await self._answer(item, outer)

    async def _answer(self, item: dict[str, Any], outer: Ask) -> Answer:
        try:
            ask = _ask(item, outer)
        except GraphError as error:
            return error_answer(error, outer)
        operation = self._named(ask)
        fault = self._faults.strike(operation)
        if fault is None:
            answer = await self._dispatch(ask)
        else:
            answer = await self._befall(fault, ask)
            ask.detail["fault"] = fault.kind
        self._log.record(operation, answer.status, batched=True, **ask.detail)
        return answer

    async def _befall(self, fault: Fault, ask: Ask) -> Answer:
        """Let a fault befall one item; instead of a cut connection the batch shows a gateway's answer."""
        if fault.kind == "throttle":
            error = too_many(fault.retry_after, limit="ReadWrite", why="CPULimitExceeded", app_id=CLIENT_ID)
            return error_answer(error, ask)
        if fault.kind == "status":
            return error_answer(GraphError(fault.status, "UnknownError", fault.body), ask)
        if fault.kind in {"hang", "late"}:
            await asyncio.sleep(fault.seconds)
        if fault.kind == "late":
            return await self._dispatch(ask)
        if fault.kind == "drop":
            answer = await self._dispatch(ask)
            ask.detail["effect"] = answer.status
        status = 503 if fault.kind == "refuse" else 504
        return error_answer(GraphError(status, "UnknownError", ""), ask)


def _read_items(ask: Ask) -> dict[str, dict[str, Any]]:
    """Return the items by id. Raises GraphError 400 for a batch that is refused as a whole."""
    requests = ask.json().get("requests")
    if not isinstance(requests, list) or not requests or not all(isinstance(item, dict) for item in requests):
        raise GraphError(400, "BadRequest", "Invalid batch payload format.")
    if len(requests) > MOST_REQUESTS:
        raise GraphError(
            400, "BadRequest", f"Number of batch request steps exceeds the maximum value of {MOST_REQUESTS}."
        )
    items: dict[str, dict[str, Any]] = {}
    for item in requests:
        item_id = item.get("id")
        if (
            not isinstance(item_id, str)
            or not item_id
            or item.get("method") not in _METHODS
            or not item.get("url")
        ):
            raise GraphError(400, "BadRequest", "Invalid batch payload format.")
        if item_id in items:
            raise GraphError(400, "BadRequest", f"Request Id '{item_id}' is not unique within the batch.")
        has_type = any(name.lower() == "content-type" for name in item.get("headers") or {})
        if item["method"] in {"POST", "PATCH", "PUT"} and (not has_type or "body" not in item):
            raise GraphError(
                400,
                "BadRequest",
                f"Write request id : {item_id} does not contain Content-Type header or body.",
            )
        items[item_id] = item
    _refuse_impossible_order(items)
    return items


def _refuse_impossible_order(items: Mapping[str, dict[str, Any]]) -> None:
    done: set[str] = set()
    waiting = dict(items)
    while waiting:
        ready = [item_id for item_id, item in waiting.items() if set(item.get("dependsOn") or ()) <= done]
        if not ready:
            raise GraphError(
                400, "BadRequest", "Invalid batch payload format: 'dependsOn' cannot be satisfied."
            )
        done.update(ready)
        waiting = {item_id: item for item_id, item in waiting.items() if item_id not in done}


def _ask(item: dict[str, Any], outer: Ask) -> Ask:
    """Return an item as a request of its own, under the outer request's authorization."""
    url = item["url"]
    if not isinstance(url, str) or not url.startswith("/") or url.startswith("/$batch"):
        raise GraphError(
            400, "BadRequest", "Invalid request url in a batch: it must be relative, and not a batch."
        )
    path, _, raw_query = url.partition("?")
    headers = {name.lower(): str(value) for name, value in (item.get("headers") or {}).items()}
    headers["authorization"] = outer.headers.get("authorization", "")
    body = b"" if item.get("body") is None else json.dumps(item["body"]).encode()
    return Ask(item["method"], segments(path), path, query(raw_query), headers, body, outer.base)


def _headers(answer: Answer) -> dict[str, str]:
    usual = {} if answer.body is None else {"Content-Type": "application/json"}
    return {"Cache-Control": "no-cache", **usual, **answer.headers}
