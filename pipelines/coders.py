"""Beam coders for the small records that cross a shuffle: MessagePack, deterministic, the same on every engine."""

from __future__ import annotations

from typing import Any

import msgspec
from apache_beam import coders
from apache_beam.coders import typecoders


class RecordCoder(coders.Coder):
    """Encodes one NamedTuple type as a MessagePack array of its fields."""

    def __init__(self, record: type) -> None:
        self._record = record

    @classmethod
    def from_type_hint(cls, typehint: type, registry: Any) -> RecordCoder:
        """Return the coder of ``typehint``; Beam calls this."""
        del registry
        return cls(typehint)

    def encode(self, value: Any) -> bytes:
        """Return ``value`` as bytes."""
        return msgspec.msgpack.encode(value)

    def decode(self, encoded: bytes) -> Any:
        """Return the record that ``encoded`` holds."""
        return msgspec.msgpack.decode(encoded, type=self._record)

    def is_deterministic(self) -> bool:
        """Equal records have equal bytes."""
        return True

    def to_type_hint(self) -> type:
        """Return the record type."""
        return self._record

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordCoder) and self._record is other._record

    def __hash__(self) -> int:
        return hash(self._record)


def register(record: type) -> None:
    """Let Beam encode ``record``, a NamedTuple of plain fields, with a `RecordCoder`."""
    typecoders.registry.register_coder(record, RecordCoder)
