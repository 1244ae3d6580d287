"""The words and codes of this package are those of `schemas/words.json` and `schemas/codes.json`, in both directions."""

from __future__ import annotations

import json
from enum import StrEnum

import pytest

import phasegate
from conftest import in_memory, schema
from phasegate import (
    Activity,
    CampaignStatus,
    Mode,
    OnSkip,
    PhasegateError,
    PhaseStatus,
    Pipeline,
    PreflightFailed,
    Reported,
    SkipReads,
    StopReason,
    errors,
    model,
)

WORDS: dict[str, list[str]] = schema("words.json")
CODES: dict[str, dict[str, object]] = {one["code"]: one for one in schema("codes.json")}

ENUMS: dict[str, type[StrEnum]] = {
    "activity": Activity,
    "campaign_status": CampaignStatus,
    "mode": Mode,
    "on_skip": OnSkip,
    "phase_status": PhaseStatus,
    "reported": Reported,
    "skip_reads": SkipReads,
    "stop_reason": StopReason,
}

CLASSES: dict[str, type[Exception]] = {
    "closed": phasegate.Closed,
    "config_invalid": phasegate.ConfigInvalid,
    "conflict": phasegate.Conflict,
    "damaged": phasegate.Damaged,
    "fenced": phasegate.Fenced,
    "held": phasegate.Held,
    "interrupted": phasegate.Interrupted,
    "invalid_argument": phasegate.InvalidArgument,
    "not_found": phasegate.NotFound,
    "preflight_failed": phasegate.PreflightFailed,
    "rejected": phasegate.Rejected,
    "resource_invalid": phasegate.ResourceInvalid,
    "storage_failed": phasegate.StorageFailed,
    "unexpected": PhasegateError,
    "unknown_phase": phasegate.UnknownPhase,
}


@pytest.mark.parametrize("name", ENUMS)
def test_an_enum_has_the_words_of_the_engine_in_their_order(name: str) -> None:
    assert [member.value for member in ENUMS[name]] == WORDS[name]


def test_every_enum_of_the_package_is_compared() -> None:
    assert {one for one in vars(model).values() if isinstance(one, type) and issubclass(one, StrEnum) and one is not StrEnum} == set(
        ENUMS.values()
    )


def test_each_status_of_a_phase_has_a_mark_and_a_colour() -> None:
    assert set(model._MARKS) == set(model._COLOURS) == set(PhaseStatus)


def test_each_code_has_the_class_that_the_engine_says() -> None:
    assert {code: type(errors.error_of(code, "why", "{}")) for code in CODES} == {
        code: CLASSES[str(one["class"])] for code, one in CODES.items()
    }
    assert errors._BY_CODE.keys() == CODES.keys()
    assert CLASSES.keys() == set(WORDS["error_class"])


@pytest.mark.parametrize(
    ("code", "data", "accessors"),
    [
        ("preflight_failed", {"report": {"missingPhases": [], "errors": []}}, ["missing_phases", "errors"]),
        ("config_invalid", {"problems": {"items": []}}, ["errors"]),
        ("resource_invalid", {"errors": [], "resource": {}}, ["errors"]),
    ],
)
def test_what_an_exception_reads_is_a_member_of_its_code(code: str, data: dict[str, object], accessors: list[str]) -> None:
    error = errors.error_of(code, "why", json.dumps(data))
    assert sorted(data) == CODES[code]["members"]
    assert [getattr(error, accessor) for accessor in accessors] == [[] for _ in accessors]


async def test_errors_cross_with_the_members_of_their_code_and_views_with_every_command() -> None:
    pipeline = Pipeline("words")

    @pipeline.phase("collect", schema={"type": "object", "maxProperties": 0})
    async def collect(ctx: phasegate.PhaseContext) -> None: ...

    async with in_memory(pipeline) as engine:
        campaign = await engine.create("spring")
        refusals = [
            campaign.start("collect"),
            campaign.start("nowhere"),
            campaign.restart("collect"),
            campaign.pause(),
            campaign.resume(),
            campaign.configure("collect", {"one": 1}),
            campaign.configure("collect", "x" * 300_000),
            campaign.configure("collect", _nested(101)),
            engine.campaign("00000000-0000-7000-8000-000000000000"),
            engine.put_resource("pencil", "one", {}),
        ]
        met = set()
        for refusal in refusals:
            with pytest.raises(PhasegateError) as refused:
                await refusal
            met.add(refused.value.code)
            assert sorted(refused.value.data) == CODES[refused.value.code]["members"], refused.value.code
        assert met == {
            "config_invalid",
            "not_found",
            "not_paused",
            "not_running",
            "not_started",
            "preflight_failed",
            "too_deep",
            "too_large",
            "unknown_phase",
            "unknown_resource_kind",
        }
        view = await campaign.view()
        assert {command.command for command in view.next} == set(WORDS["command"])


def _nested(depth: int) -> object:
    document: object = 1
    for _ in range(depth):
        document = [document]
    return document


async def test_every_event_that_is_read_has_a_type_of_the_engine() -> None:
    pipeline = Pipeline("words")

    @pipeline.phase("collect")
    async def collect(ctx: phasegate.PhaseContext) -> None: ...

    async with in_memory(pipeline) as engine:
        campaign = await engine.create("spring", mode=Mode.FULL_SEQUENCE)
        with pytest.raises(PreflightFailed):
            await campaign.start()
        await campaign.configure("collect", {})
        await campaign.start()
        await campaign.at_rest()
        types = [event.type async for event in campaign.events(follow=False)]
        assert types == ["campaign_created", "phase_configured", "phase_started", "phase_completed", "campaign_completed"]
        assert set(types) <= set(WORDS["event_type"])
