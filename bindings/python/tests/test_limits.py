"""The limits that the documentation quotes are those of `schemas/limits.json`, and they hold."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from conftest import REPOSITORY, in_memory, schema, started
from phasegate import Campaign, CampaignStatus, Engine, InvalidArgument, PhaseContext, Pipeline

LIMITS: dict[str, int] = schema("limits.json")

#: What a row of the table in docs/python.md is about.
ROWS = {
    "a config": "config_bytes",
    "the document of a resource": "resource_bytes",
    "a record": "record_bytes",
    "the records of one `commit`": "batch_bytes",
    "a checkpoint": "checkpoint_bytes",
    "a summary": "summary_bytes",
    "the depth of each: lists and objects that are open at once": "json_depth",
    "the name of a campaign": "name_chars",
    "an idempotency key": "idempotency_key_bytes",
    "the code of a failure; a longer one is cut": "failure_code_chars",
    "the message of a failure; a longer one is cut": "failure_chars",
    "the problems that an error or a view lists": "problems",
    "the phases of a pipeline": "phases",
    "the resources that one config names": "resources_per_config",
    "the actor of an envelope": "actor_chars",
    "the reason of an envelope": "reason_chars",
    "the attributes of a campaign": "attributes",
    "the key of an attribute": "attribute_key_chars",
    "the value of an attribute": "attribute_value_chars",
}


def shown(name: str) -> str:
    """A limit as the documentation writes it."""
    value = LIMITS[name]
    match name.rpartition("_")[2]:
        case "bytes" if value % 2**20 == 0:
            return f"{value // 2**20} MiB"
        case "bytes" if value % 2**10 == 0:
            return f"{value // 2**10} KiB"
        case "bytes" | "chars":
            return f"{value:,} characters"
        case _:
            return f"{value:,}"


def test_the_table_of_the_guide_says_each_limit() -> None:
    guide = (REPOSITORY / "docs" / "python.md").read_text()
    _, _, section = guide.partition("## Limits")
    rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", section.partition("\n## ")[0], re.MULTILINE))
    del rows["what"]
    assert rows == {row: shown(name) for row, name in ROWS.items()}
    assert not re.search(r"\d [KM]iB", guide.replace(section, "")), "a limit is quoted beside the table"


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (
            PhaseContext.commit,
            f"A record and a checkpoint have at most {shown('record_bytes')} of JSON each, "
            f"the records of one commit at most {shown('batch_bytes')}.",
        ),
        (Engine.create, f"``name`` has 1 to {LIMITS['name_chars']} characters"),
        (Campaign.with_idempotency_key, f"(1 to {LIMITS['idempotency_key_bytes']} visible ASCII characters)"),
    ],
)
def test_a_docstring_says_the_limit(function: Callable[..., Any], sentence: str) -> None:
    assert LIMITS["record_bytes"] == LIMITS["checkpoint_bytes"]
    assert sentence in " ".join((inspect.getdoc(function) or "").split())


def nested(depth: int) -> Any:
    document: Any = 1
    for _ in range(depth):
        document = [document]
    return document


def text(size: int) -> str:
    """A string of so many bytes of JSON."""
    return "x" * (size - 2)


async def test_a_commit_takes_what_is_within_its_limits_and_names_what_is_beyond() -> None:
    pipeline = Pipeline("limits")
    record, depth = LIMITS["record_bytes"], LIMITS["json_depth"]
    whole = LIMITS["batch_bytes"] // record

    @pipeline.phase("commit")
    async def commit(ctx: PhaseContext) -> None:
        beyond: list[tuple[list[Any], Any, str, str]] = [
            ([1, text(record + 1)], None, "too_large", "record 1 of the batch"),
            ([nested(depth + 1)], None, "too_deep", "record 0 of the batch"),
            ([], text(LIMITS["checkpoint_bytes"] + 1), "too_large", "checkpoint"),
            ([], nested(depth + 1), "too_deep", "checkpoint"),
            ([], nested(500), "too_deep", "checkpoint"),
            ([*[text(record)] * whole, 1], None, "too_large", "batch"),
        ]
        for records, checkpoint, code, what in beyond:
            with pytest.raises(InvalidArgument) as refused:
                await ctx.commit(records, checkpoint)
            assert (refused.value.code, refused.value.data["what"]) == (code, what)
        await ctx.commit([text(record)] * whole, nested(depth))
        await ctx.commit([nested(depth)], text(LIMITS["checkpoint_bytes"]))

    async with in_memory(pipeline) as engine:
        campaign = await started(engine, commit={})
        view = await campaign.at_rest()
        assert view.phase("commit").failure is None
        assert len([one async for one in campaign.records("commit")]) == whole + 1


@pytest.mark.parametrize(
    ("summary", "code"),
    [
        (text(LIMITS["summary_bytes"]), None),
        (text(LIMITS["summary_bytes"] + 1), "too_large"),
        (nested(LIMITS["json_depth"]), None),
        (nested(LIMITS["json_depth"] + 1), "too_deep"),
        (nested(500), "too_deep"),
    ],
    ids=["as large as may be", "larger", "as deep as may be", "deeper", "deeper than is read"],
)
async def test_a_summary_beyond_a_limit_is_a_failed_phase(summary: Any, code: str | None) -> None:
    pipeline = Pipeline("limits")

    @pipeline.phase("say")
    async def say(ctx: PhaseContext) -> Any:
        return summary

    async with in_memory(pipeline) as engine:
        campaign = await started(engine, say={})
        view = await campaign.at_rest()
        failure = view.phase("say").failure
        assert (failure and failure["code"]) == code
        assert view.status is (CampaignStatus.FAILED if code else CampaignStatus.COMPLETED)
