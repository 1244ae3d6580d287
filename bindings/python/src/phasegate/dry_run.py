"""What a command would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from .envelope import Envelope
from .model import CampaignView, Json

__all__ = ["DryRun", "PlannedEvent"]


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An event that a command would make."""

    timestamp: datetime
    type: str
    """What would happen, such as ``phase_started``."""
    data: dict[str, Json] = field(default_factory=dict)
    """What belongs to that type."""
    envelope: Envelope = Envelope()
    """Who asks for it, and why."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads it from its JSON object."""
        rest = dict(data)
        envelope = Envelope._taken(rest)
        moment, kind = datetime.fromisoformat(rest.pop("timestamp")), rest.pop("type")
        return cls(moment, kind, rest, envelope)


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a command would do now. Nothing of it was done."""

    events: list[PlannedEvent]
    """The events that it would make; none for a command that asks for the present state."""
    campaign: CampaignView | None
    """The campaign after them; ``None`` after a deletion."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads it from its JSON object."""
        events = [PlannedEvent.from_json(event) for event in data["events"]]
        campaign = data["campaign"]
        return cls(events, None if campaign is None else CampaignView.from_json(campaign))
