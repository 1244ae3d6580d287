"""An embeddable engine for work that runs in phases, one after the other, with a gate between each two.

A host defines a :class:`Pipeline` of phases. Its user configures all of them first and presses start once; the engine runs
the chain by itself: durably, exactly once per step, and stopping visibly where a phase lacks its config. The blocking
form of all of it is :mod:`phasegate.sync`.
"""

from ._boundary import native as _native
from .campaign import Campaign, DryRunCampaign, NewCampaign
from .dry_run import DryRun, PlannedEvent
from .engine import Engine, verify_file
from .envelope import Envelope
from .errors import (
    Closed,
    ConfigInvalid,
    Conflict,
    Damaged,
    Fenced,
    Held,
    Interrupted,
    InvalidArgument,
    NotFound,
    PhaseFailed,
    PhasegateError,
    PreflightFailed,
    Rejected,
    ResourceInvalid,
    StorageFailed,
    UnknownPhase,
)
from .model import (
    Activity,
    CampaignPage,
    CampaignStatus,
    CampaignView,
    Command,
    Event,
    Json,
    Mode,
    OnSkip,
    PhaseStatus,
    PhaseView,
    Preflight,
    Problem,
    Progress,
    Receipt,
    Recovery,
    Reported,
    Resource,
    SkipReads,
    SkipView,
    StopReason,
    Ticket,
    WaitView,
)
from .phase import Deferred, FieldProblem, InputChange, Phase, PhaseContext, SyncPhaseContext
from .pipeline import HostPhaseOptions, PhaseOptions, Pipeline, builtin_phases
from .retry import RetryPolicy
from .sandbox import Sandbox

__version__ = _native.version()

__all__ = [
    "Activity",
    "Campaign",
    "CampaignPage",
    "CampaignStatus",
    "CampaignView",
    "Closed",
    "Command",
    "ConfigInvalid",
    "Conflict",
    "Damaged",
    "Deferred",
    "DryRun",
    "DryRunCampaign",
    "Engine",
    "Envelope",
    "Event",
    "Fenced",
    "FieldProblem",
    "Held",
    "HostPhaseOptions",
    "InputChange",
    "Interrupted",
    "InvalidArgument",
    "Json",
    "Mode",
    "NewCampaign",
    "NotFound",
    "OnSkip",
    "Phase",
    "PhaseContext",
    "PhaseFailed",
    "PhaseOptions",
    "PhaseStatus",
    "PhaseView",
    "PhasegateError",
    "Pipeline",
    "PlannedEvent",
    "Preflight",
    "PreflightFailed",
    "Problem",
    "Progress",
    "Receipt",
    "Recovery",
    "Rejected",
    "Reported",
    "Resource",
    "ResourceInvalid",
    "RetryPolicy",
    "Sandbox",
    "SkipReads",
    "SkipView",
    "StopReason",
    "StorageFailed",
    "SyncPhaseContext",
    "Ticket",
    "UnknownPhase",
    "WaitView",
    "builtin_phases",
    "verify_file",
]
