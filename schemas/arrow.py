"""Arrow schemas derived from the NamedTuples of `schemas.records`, and conversion between rows and tables."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
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
        return {name: _plain(item) for name, item in zip(names, value, strict=True)}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def to_table(record: type[Row], rows: Iterable[Row]) -> pa.Table:
    """Return ``rows`` as one Arrow table in the schema of ``record``."""
    columns = list(zip(*rows, strict=True)) or [()] * len(arrow_schema(record))
    schema = arrow_schema(record)
    arrays = [pa.array([_plain(v) for v in column], field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _build(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if get_origin(hint) in (Union, types.UnionType):
        return _build(next(a for a in get_args(hint) if a is not type(None)), value)
    if get_origin(hint) is list:
        inner = get_args(hint)[0]
        return [_build(inner, item) for item in value] if _is_record(inner) else value
    if _is_record(hint):
        return hint(**{name: _build(h, value[name]) for name, h in get_type_hints(hint).items()})
    return value


def from_table(record: type[Row], table: pa.Table | pa.RecordBatch) -> Iterator[Row]:
    """Yield the rows of ``table`` as ``record`` tuples, in order."""
    hints = get_type_hints(record)
    nested = {name for name, hint in hints.items() if get_origin(hint) is list or _is_record(hint)}
    columns = []
    for name, hint in hints.items():
        values = table.column(name).to_pylist()
        columns.append([_build(hint, value) for value in values] if name in nested else values)
    for values in zip(*columns, strict=True):
        yield record(*values)
