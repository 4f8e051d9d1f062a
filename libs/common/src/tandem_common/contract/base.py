"""The base of every model that crosses a wire."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer, TypeAdapter

T = TypeVar("T")


def rfc3339(moment: datetime) -> str:
    """Write a time as RFC 3339 in UTC with milliseconds: `2026-11-21T02:33:12.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    AwareDatetime, PlainSerializer(rfc3339, return_type=str, when_used="json-unless-none")
]


class ContractModel(BaseModel):
    """A value both ends of a wire agree on.

    Built values refuse unknown fields. Values that are *read* (`read`) drop them, so that a
    newer writer may add optional fields without breaking an older reader.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    @classmethod
    def read(cls, data: str | bytes) -> Self:
        """Parse JSON from another process.

        Raises:
            pydantic.ValidationError: The JSON is not of this shape.
        """
        return cls.model_validate_json(data, extra="ignore")

    @classmethod
    def read_object(cls, value: Any) -> Self:
        """Parse an already decoded JSON value; lax about tuples and times as JSON is."""
        return cls.model_validate(value, strict=False, extra="ignore")

    def to_json(self) -> bytes:
        """Serialise to JSON without fields that are empty by default."""
        return self.model_dump_json(exclude_defaults=False, exclude_none=True).encode()


def read_union(adapter: TypeAdapter[T], data: str | bytes) -> T:
    """Parse JSON into one member of a union, dropping fields this version does not know."""
    return adapter.validate_json(data, extra="ignore")
