"""What the engine shows: values with equality, a repr, and pattern matching."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self, TypeAlias

from .envelope import Envelope
from .retry import RetryPolicy

__all__ = [
    "Activity",
    "CampaignPage",
    "CampaignStatus",
    "CampaignView",
    "Command",
    "Event",
    "Json",
    "Mode",
    "OnSkip",
    "PhaseStatus",
    "PhaseView",
    "Preflight",
    "Problem",
    "Progress",
    "Receipt",
    "Recovery",
    "Reported",
    "Resource",
    "SkipReads",
    "SkipView",
    "StopReason",
    "Ticket",
    "WaitView",
]

Json: TypeAlias = Any
"""A value of the module :mod:`json`: ``None``, ``bool``, ``int``, ``float``, ``str``, a list or a dict of them."""


class Mode(StrEnum):
    """How a campaign advances."""

    STEP_BY_STEP = "step_by_step"
    """Each phase is started by hand."""
    FULL_SEQUENCE = "full_sequence"
    """A phase that completed starts the next one."""


class CampaignStatus(StrEnum):
    """The status of a campaign."""

    IDLE = "idle"
    RUNNING = "running"
    WAITING_FOR_REPORT = "waiting_for_report"
    RETRYING = "retrying"
    PAUSING = "pausing"
    STOPPING = "stopping"
    PAUSED = "paused"
    STOPPED = "stopped"
    FAILED = "failed"
    WAITING_FOR_CONFIGURATION = "waiting_for_configuration"
    COMPLETED = "completed"


class PhaseStatus(StrEnum):
    """The status of a phase."""

    NOT_STARTED = "not_started"
    RUNNING = "running"
    WAITING_FOR_REPORT = "waiting_for_report"
    RETRYING = "retrying"
    PAUSED = "paused"
    FAILED = "failed"
    STOPPED = "stopped"
    COMPLETED = "completed"
    SKIPPED = "skipped"


class Activity(StrEnum):
    """What a campaign is doing, as campaigns are looked up by it."""

    IDLE = "idle"
    """Nothing runs, a held chain included."""
    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"
    STOPPED = "stopped"


class StopReason(StrEnum):
    """Why a phase is stopped."""

    REQUESTED = "requested"
    """Somebody stopped it."""
    PIPELINE_CHANGED = "pipeline_changed"
    """At recovery the pipeline had other phases than the campaign."""


class OnSkip(StrEnum):
    """Whether a phase may be skipped, and what the phase after it reads then."""

    FORBIDDEN = "forbidden"
    """It can't be skipped."""
    EMPTY = "empty"
    """The phase after it reads nothing."""
    PASS_THROUGH = "pass_through"
    """The phase after it reads what it would have read itself."""


class SkipReads(StrEnum):
    """What the phase after a skipped one reads."""

    EMPTY = "empty"
    """Nothing."""
    PASS_THROUGH = "pass_through"
    """What the skipped phase would have read."""


class Reported(StrEnum):
    """What became of a report. Only ``RECORDED`` changed anything."""

    RECORDED = "recorded"
    """The outcome was recorded by this report."""
    ALREADY_RECORDED = "already_recorded"
    """The same outcome was recorded before."""
    STALE = "stale"
    """The ticket is not the running one."""


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field of one phase's config."""

    phase: str
    pointer: str
    """The JSON Pointer (RFC 6901) to the field; empty for the config as a whole."""
    keyword: str
    """What was broken: a JSON Schema keyword such as ``minimum``, or ``config_missing``, ``resource_missing``, ``too_large``, ..."""
    message: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads it from its JSON object."""
        return cls(data["phase"], data["pointer"], data["keyword"], data["message"])

    def __str__(self) -> str:
        return f"{self.phase}{self.pointer}: {self.message}"


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to report for a running phase: what a deferred phase hands to whoever reports it."""

    campaign: str
    phase: str
    run: int
    attempt: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads it from its JSON object."""
        return cls(data["campaign"], data["phase"], data["run"], data["attempt"])

    def to_json(self) -> dict[str, Any]:
        """Its JSON object, to be kept until the report."""
        return {"campaign": self.campaign, "phase": self.phase, "run": self.run, "attempt": self.attempt}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an accepted command came to."""

    campaign_id: str
    version: int
    changed: bool
    """Whether it changed anything; a command that asks for the present state changes nothing."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the running phase has come, in its own units."""

    ticket: Ticket
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Preflight:
    """The check of every remaining phase. It is true if every one of them is ready."""

    ready: bool
    missing_phases: list[str]
    errors: list[Problem]
    total_errors: int
    """How many errors there are; at most 100 are listed."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads it from its JSON object."""
        errors = [Problem.from_json(problem) for problem in data["errors"]]
        return cls(data["ready"], list(data["missingPhases"]), errors, data["totalErrors"])

    def __bool__(self) -> bool:
        return self.ready


@dataclass(frozen=True, slots=True)
class Command:
    """One command, and whether it is allowed now."""

    command: str
    phase: str | None
    mode: Mode | None
    allowed: bool
    refusal: str | None
    """Why it is not allowed."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads it from its JSON object."""
        mode, refusal = data["mode"], data["refusal"]
        return cls(
            data["command"],
            data["phase"],
            None if mode is None else Mode(mode),
            data["allowed"],
            None if refusal is None else refusal["message"],
        )


@dataclass(frozen=True, slots=True)
class SkipView:
    """The skip of a phase, planned or done."""

    reads: SkipReads
    reason: str | None
    """Why, if that was said."""


@dataclass(frozen=True, slots=True)
class WaitView:
    """What a phase waits for."""

    note: str | None
    """What is asked of whoever reports it."""
    form: Json
    """The JSON Schema of the summary that they give; ``None`` for any."""
    deadline_at: datetime | None
    """When it is too late."""


@dataclass(frozen=True, slots=True)
class PhaseView:
    """One phase, as it is shown."""

    phase: str
    status: PhaseStatus
    configured: bool
    config_revision: int | None
    problems: list[Problem]
    retry: RetryPolicy | None
    """The campaign's own retry policy for it, in place of the pipeline's."""
    skip: SkipView | None
    """Its skip, planned or done."""
    run: int | None
    attempt: int | None
    started_at: datetime | None
    completed_at: datetime | None
    summary: Json
    failure: dict[str, Json] | None
    """Its ``code`` and ``message``, if it failed."""
    retry_at: datetime | None
    """When it is tried again by itself."""
    stop_reason: StopReason | None
    """Why it is stopped, if it is."""
    waits_for: WaitView | None
    """What it waits for, if its outcome is left to somebody else."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads it from its JSON object."""
        retry, skip, wait = data["retry"], data["skip"], data["waitsFor"]
        return cls(
            phase=data["phase"],
            status=PhaseStatus(data["status"]),
            configured=data["configured"],
            config_revision=data["configRevision"],
            problems=[Problem.from_json(problem) for problem in data["problems"]["items"]],
            retry=None if retry is None else RetryPolicy.from_json(retry),
            skip=None if skip is None else SkipView(SkipReads(skip["reads"]), skip["reason"]),
            run=data["run"],
            attempt=data["attempt"],
            started_at=_moment(data["startedAt"]),
            completed_at=_moment(data["completedAt"]),
            summary=data["summary"],
            failure=data["failure"],
            retry_at=_moment(data["retryAt"]),
            stop_reason=None if data["stopReason"] is None else StopReason(data["stopReason"]),
            waits_for=None if wait is None else WaitView(wait["note"], wait["form"], _moment(wait["deadlineAt"])),
        )


_MARKS = {
    PhaseStatus.NOT_STARTED: "○",
    PhaseStatus.RUNNING: "▶",
    PhaseStatus.WAITING_FOR_REPORT: "⧗",
    PhaseStatus.RETRYING: "↻",
    PhaseStatus.PAUSED: "⏸",
    PhaseStatus.FAILED: "✗",
    PhaseStatus.STOPPED: "■",
    PhaseStatus.COMPLETED: "✓",
    PhaseStatus.SKIPPED: "»",
}

_COLOURS = {
    PhaseStatus.NOT_STARTED: "#57606a",
    PhaseStatus.RUNNING: "#0a5bc4",
    PhaseStatus.WAITING_FOR_REPORT: "#7a5200",
    PhaseStatus.RETRYING: "#7a5200",
    PhaseStatus.PAUSED: "#7a5200",
    PhaseStatus.FAILED: "#b3261e",
    PhaseStatus.STOPPED: "#57606a",
    PhaseStatus.COMPLETED: "#1a6b32",
    PhaseStatus.SKIPPED: "#57606a",
}


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign, as it is shown at one moment."""

    id: str
    name: str
    attributes: dict[str, str]
    pipeline: str
    mode: Mode
    status: CampaignStatus
    position: int
    """How many phases are passed, each completed or skipped."""
    current_phase: str | None
    phases: list[PhaseView]
    preflight: Preflight
    next: list[Command]
    version: int
    due_at: datetime | None
    """When it does something by itself: a retry, or a deadline."""
    created_at: datetime
    changed_at: datetime

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads it from its JSON object."""
        return cls(
            id=data["id"],
            name=data["name"],
            attributes=dict(data["attributes"]),
            pipeline=data["pipeline"],
            mode=Mode(data["mode"]),
            status=CampaignStatus(data["status"]),
            position=data["position"],
            current_phase=data["currentPhase"],
            phases=[PhaseView.from_json(phase) for phase in data["phases"]],
            preflight=Preflight.from_json(data["preflight"]),
            next=[Command.from_json(command) for command in data["next"]],
            version=data["version"],
            due_at=_moment(data["dueAt"]),
            created_at=datetime.fromisoformat(data["createdAt"]),
            changed_at=datetime.fromisoformat(data["changedAt"]),
        )

    def phase(self, name: str) -> PhaseView:
        """One of its phases. Raises :class:`KeyError` if it has no such phase."""
        for phase in self.phases:
            if phase.phase == name:
                return phase
        raise KeyError(name)

    def __str__(self) -> str:
        chain = " → ".join(f"{_MARKS[phase.status]} {phase.phase}" for phase in self.phases)
        return f"{self.name} ({self.status}): {chain}"

    def _repr_html_(self) -> str:
        cell = (
            '<span style="display:inline-block;padding:.2em .6em;margin:.1em;border-radius:.5em;'
            'border:1px solid {colour};color:{colour}">{mark} {name}</span>'
        )
        cells = " → ".join(
            cell.format(colour=_COLOURS[phase.status], mark=_MARKS[phase.status], name=html.escape(phase.phase))
            for phase in self.phases
        )
        return f"<div><b>{html.escape(self.name)}</b> · {self.mode} · {self.status}<br>{cells}</div>"


@dataclass(frozen=True, slots=True)
class CampaignPage:
    """One page of campaigns; iterating over it gives their views."""

    items: list[CampaignView]
    next: str | None
    """The id to go on after; ``None`` after the last page."""

    def __iter__(self) -> Iterator[CampaignView]:
        return iter(self.items)


@dataclass(frozen=True, slots=True)
class Event:
    """A fact in a campaign's log."""

    cursor: str
    """Its place in the log, to go on after."""
    seq: int | None
    """Its number within the campaign, from 1; ``None`` for an event of a resource."""
    campaign_id: str | None
    """The campaign; ``None`` for an event of a resource."""
    timestamp: datetime
    type: str
    """What happened, such as ``phase_auto_started``."""
    data: dict[str, Json] = field(default_factory=dict)
    """What belongs to that type."""
    envelope: Envelope = Envelope()
    """Who asked for it, and why."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads it from its JSON object."""
        rest = dict(data)
        envelope = Envelope._taken(rest)
        cursor, seq, campaign = rest.pop("cursor"), rest.pop("seq", None), rest.pop("campaignId", None)
        moment, kind = datetime.fromisoformat(rest.pop("timestamp")), rest.pop("type")
        return cls(cursor, seq, campaign, moment, kind, rest, envelope)


@dataclass(frozen=True, slots=True)
class Resource:
    """A named document that configs refer to. Its document may hold secrets, so it is not in the repr."""

    kind: str
    id: str
    revision: int
    document: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was taken up when the engine was opened."""

    resumed: list[str]
    """The campaigns whose running phase goes on here."""
    settled: list[str]
    """The campaigns that came to rest instead."""
    held_elsewhere: list[str]
    failed: list[dict[str, str]]
    """The campaigns that could not be recovered: ``campaignId``, ``code``, ``message``."""
