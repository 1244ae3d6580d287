"""An embeddable engine for work that runs in phases, one after the other, with a gate between each two.

A host defines a :class:`Pipeline` of phases. Its user configures all of them first and presses start once; the engine runs
the chain by itself: durably, exactly once per step, and stopping visibly where a phase lacks its config. The blocking
form of all of it is :mod:`phasegate.sync`.
"""

from ._boundary import native as _native
from .campaign import Campaign
from .engine import Engine, verify_file
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
    PhaseStatus,
    PhaseView,
    Preflight,
    Problem,
    Progress,
    Receipt,
    Recovery,
    Reported,
    Resource,
    StopReason,
    Ticket,
)
from .phase import Deferred, FieldProblem, InputChange, Phase, PhaseContext, SyncPhaseContext
from .pipeline import Pipeline, builtin_phases
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
    "Engine",
    "Event",
    "Fenced",
    "FieldProblem",
    "Held",
    "InputChange",
    "Interrupted",
    "InvalidArgument",
    "Json",
    "Mode",
    "NotFound",
    "Phase",
    "PhaseContext",
    "PhaseFailed",
    "PhaseStatus",
    "PhaseView",
    "PhasegateError",
    "Pipeline",
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
    "Sandbox",
    "StopReason",
    "StorageFailed",
    "SyncPhaseContext",
    "Ticket",
    "UnknownPhase",
    "builtin_phases",
    "verify_file",
]
