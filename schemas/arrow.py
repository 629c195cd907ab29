"""Arrow schemas derived from the NamedTuples of `schemas.records`, and conversion between rows and tables."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

Row = TypeVar("Row", bound=NamedTuple)

_SCALARS: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
}


def _is_record(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def _arrow_type(hint: Any) -> tuple[pa.DataType, bool]:
    """Return (Arrow type, nullable) of one type hint."""
    if get_origin(hint) in (Union, types.UnionType):
        inner = [argument for argument in get_args(hint) if argument is not type(None)]
        if len(inner) != 1:
            raise TypeError(f"{hint}: a column has one type, or one type and None")
        return _arrow_type(inner[0])[0], True
    if get_origin(hint) is list:
        return pa.list_(pa.field("item", _arrow_type(get_args(hint)[0])[0], nullable=False)), False
    if _is_record(hint):
        return pa.struct(_fields(hint)), False
    if hint not in _SCALARS:
        raise TypeError(f"{hint}: no Arrow type is defined for it")
    return _SCALARS[hint], False


def _fields(record: type) -> list[pa.Field]:
    fields = []
    for name, hint in get_type_hints(record).items():
        kind, nullable = _arrow_type(hint)
        fields.append(pa.field(name, kind, nullable=nullable))
    return fields


@cache
def arrow_schema(record: type) -> pa.Schema:
    """Return the Arrow schema of a NamedTuple: str, int, float, bool, bytes, ``X | None``, lists, nested records.

    Raises:
        TypeError: a field's type has no Arrow counterpart.
    """
    return pa.schema(_fields(record), metadata={"record": record.__name__})


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        names: tuple[str, ...] = type(value)._fields  # type: ignore[attr-defined]  # every tuple in a row is a record
        return dict(zip(names, map(_plain, value), strict=True))
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _is_flat(kind: pa.DataType) -> bool:
    return not (pa.types.is_list(kind) or pa.types.is_struct(kind))


def to_table(record: type[Row], rows: Iterable[Row]) -> pa.Table:
    """Return ``rows`` as one Arrow table in the schema of ``record``."""
    columns = list(zip(*rows, strict=True)) or [()] * len(arrow_schema(record))
    schema = arrow_schema(record)
    arrays = [
        pa.array(column if _is_flat(field.type) else [_plain(value) for value in column], field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


@cache
def _builder(hint: Any) -> Callable[[Any], Any] | None:
    """Return what turns a plain Arrow value into a value of ``hint``, or None where it is one already."""
    if get_origin(hint) in (Union, types.UnionType):
        inner = _builder(next(argument for argument in get_args(hint) if argument is not type(None)))
        return None if inner is None else lambda value: None if value is None else inner(value)
    if get_origin(hint) is list:
        item = _builder(get_args(hint)[0])
        return None if item is None else lambda values: [item(value) for value in values]
    if not _is_record(hint):
        return None
    fields = [(name, _builder(field)) for name, field in get_type_hints(hint).items()]
    if all(build is None for _, build in fields):
        return lambda value: hint(**value)
    return lambda value: hint(*(value[name] if build is None else build(value[name]) for name, build in fields))


def from_table(record: type[Row], table: pa.Table | pa.RecordBatch) -> Iterator[Row]:
    """Yield the rows of ``table`` as ``record`` tuples, in order."""
    columns = []
    for name, hint in get_type_hints(record).items():
        values = table.column(name).to_pylist()
        build = _builder(hint)
        columns.append(values if build is None else [build(value) for value in values])
    for values in zip(*columns, strict=True):
        yield record(*values)
