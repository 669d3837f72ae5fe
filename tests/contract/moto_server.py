"""DynamoDB as moto plays it, over HTTP on loopback.

One request at a time: moto's TransactWriteItems is not isolated (a transaction that fails puts back tables as
they were before it, with the writes of others), and DynamoDB's is.

Some habits of moto 5.2 took nine tenths of its time with a crowd in the table, and are replaced by what comes
to the same: every transaction copied the whole table, attribute by attribute; every query looked through and
sorted all of it by comparing objects, and copied what it found, once more for each attribute that is shown;
every attribute of every answer was looked for under each name that it might have in Python.
And whatever was ever made was kept, a table for each transaction.
"""

import copy
import inspect
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from types import SimpleNamespace
from typing import Any

import pytest
from moto.core.common_models import BaseModel
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb import models
from moto.dynamodb.models import dynamo_type
from moto.dynamodb.models import table as tables
from moto.dynamodb.models.table import Table
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

_PUT, _DELETE, _QUERY = Table.put_item, Table.delete_item, Table.query
_PARAMETERS = inspect.signature(_QUERY)
_SERIALIZE = BaseJSONSerializer._serialize_type_structure  # noqa: SLF001


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept

    def log_request(self, *args: Any) -> None:
        pass


@contextmanager
def serving(asked: Counter[str] | None = None) -> Iterator[str]:
    """Serve on a free port; yields the address. `asked` counts the requests by API and operation."""
    moto, turn, patched = DomainDispatcherApplication(create_backend_app), Lock(), pytest.MonkeyPatch()
    touched: set[str] = set()
    transact = models.DynamoDBBackend.transact_write_items

    def transacted(backend: Any, transact_items: list[dict[str, Any]]) -> None:
        touched.clear()
        touched.update(_touched(transact_items))
        transact(backend, transact_items)

    patched.setattr(models.DynamoDBBackend, "transact_write_items", transacted)
    patched.setattr(models, "copy", SimpleNamespace(deepcopy=lambda one: _kept(one, touched)))
    patched.setattr(tables, "copy", SimpleNamespace(copy=copy.copy, deepcopy=lambda found: found))
    patched.setattr(Table, "all_items", _in_order)
    patched.setattr(Table, "query", _looking_where_it_is)
    patched.setattr(Table, "put_item", _put)
    patched.setattr(Table, "delete_item", _deleted)
    patched.setattr(Table, "sorted_items", _sorted)
    patched.setattr(dynamo_type.Item, "project", _projected)
    patched.setattr(BaseModel, "__new__", _made)
    patched.setattr(BaseJSONSerializer, "_serialize_type_structure", _as_it_is)

    def one_at_a_time(environ: Any, start_response: Any) -> Iterable[bytes]:
        with turn:
            if asked is not None:
                asked[_called(environ)] += 1
            return list(moto(environ, start_response))

    server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        patched.undo()


@contextmanager
def serving_apart() -> Iterator[str]:
    """Serve from a process of its own, which has a crowd's requests while the bot has a processor."""
    asked = [sys.executable, "-m", __name__]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def _made(model: type[BaseModel], *_: Any, **__: Any) -> BaseModel:
    """Make a model, as moto does, and do not remember it for ever: every transaction makes a table."""
    made: BaseModel = object.__new__(model)
    return made


def _projected(item: dynamo_type.Item, names: list[list[str]]) -> dynamo_type.Item:
    """Return the item with these attributes alone; those of ours are never nested."""
    found = ((name, item.attrs.get(name)) for (name,) in names)
    shown = {name: {one.type: one.value} for name, one in found if one is not None}
    return dynamo_type.Item(item.hash_key, item.range_key, shown)


def _as_it_is(serializer: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """Answer the value of an attribute as moto keeps it, which is as it goes out but for bytes."""
    if shape.name == "AttributeValue" and "B" not in value:
        serialized[key] = value
    else:
        _SERIALIZE(serializer, serialized, value, shape, key)


def _called(environ: Any) -> str:
    """Return what is asked for, as "dynamodb GetItem" or "sqs SendMessage"."""
    version, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
    return f"{'dynamodb' if version.startswith('DynamoDB') else 'sqs'} {operation}"


def _kept(one: Any, touched: Iterable[str]) -> Any:
    """Return a table to go back to, with the partitions that are touched copied.

    The items are the same: a put or a delete, and we do nothing else, leaves an item as it is.
    """
    if not isinstance(one, Table):
        return copy.deepcopy(one)
    kept = copy.copy(one)
    vars(kept).pop("listed", None)
    kept.items = one.items.copy()
    for pk in map(dynamo_type.DynamoType, ({"S": pk} for pk in touched)):
        if pk in one.items:
            kept.items[pk] = dict(one.items[pk])
        else:
            kept.items.pop(pk, None)
    return kept


def _touched(transact_items: list[dict[str, Any]]) -> set[str]:
    asked = [one for action in transact_items for one in action.values()]
    return {one.get("Key", one.get("Item"))["pk"]["S"] for one in asked}


def _in_order(table: Table) -> list[Any]:
    items = [item for of_one in table.items.values() for item in of_one.values()]
    return sorted(items, key=lambda item: (item.hash_key.value, item.range_key.value))


def _sorted(
    _: Table, hash_names: list[str], range_names: list[str | None], items: list[dynamo_type.Item]
) -> list[dynamo_type.Item]:
    """Return what an index has of one key, in its order; each of our indexes has a range key of its own."""
    names = [name for name in (range_names[0], hash_names[-1], range_names[-1]) if name is not None]
    return sorted(items, key=lambda item: [item.attrs[name].cast_value for name in names])


def _put(table: Any, attrs: dict[str, Any], *args: Any, **asked: Any) -> dynamo_type.Item:
    before = table.get_item(*(dynamo_type.DynamoType(attrs[name]) for name in ("pk", "sk")))
    item = _PUT(table, attrs, *args, **asked)
    _list(table, before, item)
    return item


def _deleted(table: Any, *key: Any) -> dynamo_type.Item | None:
    before = _DELETE(table, *key)
    _list(table, before, None)
    return before


def _list(table: Any, before: dynamo_type.Item | None, after: dynamo_type.Item | None) -> None:
    """Note what an item is in an index for: `listed` holds the items of each partition of each index."""
    if not hasattr(table, "listed"):
        table.listed = defaultdict(dict)
        for item in (item for of_one in table.items.values() for item in of_one.values()):
            _list(table, None, item)
    names = [
        key["AttributeName"] for one in table.all_indexes() for key in one.schema if key["KeyType"] == "HASH"
    ]
    for name in names:
        if before is not None and name in before.attrs:
            table.listed[name, before.attrs[name].value].pop((before.hash_key, before.range_key), None)
        if after is not None and name in after.attrs:
            table.listed[name, after.attrs[name].value][after.hash_key, after.range_key] = after


def _looking_where_it_is(table: Any, *args: Any, **asked: Any) -> Any:
    """Query the items of the partition alone, of the table or of the index."""
    given = _PARAMETERS.bind(table, *args, **asked).arguments
    index = next((one for one in table.all_indexes() if one.name == given.get("index_name")), None)
    if index is None:
        found = [*table.items[given["hash_key"]].values()] if given["hash_key"] in table.items else []
    else:
        _list(table, None, None)
        ((name, wanted),) = given["hash_key_conditions"]
        found = [*table.listed[name, wanted.value].values()]
    table.all_items = lambda: found
    try:
        return _QUERY(table, *args, **asked)
    finally:
        del table.all_items


if __name__ == "__main__":
    with serving() as address:
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        sys.stdin.read()
