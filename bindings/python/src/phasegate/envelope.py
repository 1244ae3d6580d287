"""Who asks for something, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Envelope"]

_MEMBERS = ("actor", "reason", "traceparent")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who asks for something, why, and within which trace. It stands in every event that the request makes.

    Whatever takes one raises :class:`InvalidArgument` for an actor or reason that is too long, or could disguise other text.
    """

    actor: str | None = None
    """Who asks: at most 200 characters."""
    reason: str | None = None
    """Why: at most 1,000 characters."""
    traceparent: str | None = None
    """The trace, as the W3C has it; a malformed one is dropped."""

    @classmethod
    def _taken(cls, data: dict[str, Any]) -> Self:
        """Takes it out of the JSON object of an event."""
        return cls(**{member: data.pop(member, None) for member in _MEMBERS})
