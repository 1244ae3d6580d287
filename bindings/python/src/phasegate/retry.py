"""When a failed phase is tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from ._durations import millis

__all__ = ["RetryPolicy"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed phase is tried again by itself. Without a policy it is not. What is ``None`` is as the engine has it."""

    max_tries: int
    """How many tries there are in all without progress between them, the first included: 1 to 1,000."""
    initial_delay: timedelta | None = None
    """The delay before the first retry, at most 30 days; 1 s unless given."""
    factor: float | None = None
    """What each further delay is multiplied with: 1 to 10; 2 unless given."""
    max_delay: timedelta | None = None
    """The longest delay, at most 30 days; 5 minutes unless given."""
    jitter: float | None = None
    """The part of a delay, 0 to 1, that may be left out of it; a half unless given."""
    final: Sequence[str] = ()
    """The codes of failures that are never tried again; at most 100."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads it from its JSON object."""
        return cls(
            data["maxTries"],
            timedelta(milliseconds=data["initialDelayMs"]),
            data["factor"],
            timedelta(milliseconds=data["maxDelayMs"]),
            data["jitter"],
            tuple(data.get("final", ())),
        )

    def to_json(self) -> dict[str, Any]:
        """Its JSON object, without what is as the engine has it."""
        members = {
            "maxTries": self.max_tries,
            "initialDelayMs": millis(self.initial_delay),
            "factor": self.factor,
            "maxDelayMs": millis(self.max_delay),
            "jitter": self.jitter,
            "final": list(self.final),
        }
        return {name: value for name, value in members.items() if value is not None}
