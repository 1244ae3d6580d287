"""What phases in Python may do, return and raise, and what becomes of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from conftest import in_memory, started
from phasegate import (
    CampaignStatus,
    ConfigInvalid,
    Fenced,
    FieldProblem,
    InputChange,
    Interrupted,
    InvalidArgument,
    PhaseContext,
    PhaseFailed,
    Pipeline,
    SyncPhaseContext,
)

TIMEOUT = timedelta(milliseconds=200)


class Peculiar(BaseException):
    """An exception that is no Exception."""


def _raises(error: BaseException) -> Callable[[], Any]:
    def act() -> Any:
        raise error

    return act


ENDINGS: list[tuple[str, Callable[[], Any], str, str]] = [
    ("PhaseFailed", _raises(PhaseFailed("no_paper", "the tray is empty")), "no_paper", "the tray is empty"),
    ("ValueError", _raises(ValueError("what?")), "exception", "ValueError: what?"),
    ("SystemExit", _raises(SystemExit(3)), "exception", "SystemExit: 3"),
    ("KeyboardInterrupt", _raises(KeyboardInterrupt()), "exception", "KeyboardInterrupt"),
    ("GeneratorExit", _raises(GeneratorExit()), "exception", "GeneratorExit"),
    ("CancelledError", _raises(asyncio.CancelledError()), "exception", "CancelledError"),
    ("StopIteration", _raises(StopIteration(1)), "exception", ""),
    ("a BaseException", _raises(Peculiar("strange")), "exception", "Peculiar: strange"),
    ("recursion", lambda: _recurse(0), "exception", ""),
    ("a summary without a JSON form", lambda: object(), "summary_unwritable", ""),
    ("a summary that is not a number", lambda: float("nan"), "summary_unwritable", ""),
    ("a summary of a lone surrogate", lambda: "\ud800", "summary_unwritable", ""),
    ("a summary that is too large", lambda: "x" * 70_000, "", ""),
]


def _recurse(depth: int) -> int:
    return _recurse(depth + 1) + 1


@pytest.mark.parametrize("form", ["async", "thread", "class"])
@pytest.mark.parametrize(("name", "act", "code", "message"), ENDINGS, ids=[name for name, *_ in ENDINGS])
async def test_whatever_a_phase_raises_or_returns_it_ends_as_failed_and_the_engine_goes_on(
    form: str, name: str, act: Callable[[], Any], code: str, message: str
) -> None:
    pipeline = Pipeline("odd")
    if form == "async":

        @pipeline.phase("odd")
        async def odd(ctx: PhaseContext) -> Any:
            return act()

    elif form == "thread":

        @pipeline.phase("odd")
        def odd_thread(ctx: SyncPhaseContext) -> Any:
            return act()

    else:

        @pipeline.phase("odd")
        class Odd:
            async def run(self, ctx: PhaseContext) -> Any:
                return act()

    @pipeline.phase("never")
    async def never(ctx: PhaseContext) -> None:
        raise AssertionError("a failed phase starts nothing")

    async with in_memory(pipeline) as engine:
        campaign = await started(engine, odd={}, never={})
        view = await campaign.at_rest()
        assert view.status is CampaignStatus.FAILED
        failure = view.phase("odd").failure
        assert failure is not None
        if code:
            assert failure["code"] == code
        if message:
            assert failure["message"] == message
        # And the engine lives on.
        await campaign.start()
        assert (await campaign.at_rest()).phase("odd").attempt == 2


async def test_a_phase_that_ignores_its_cancellation_is_stopped_after_the_grace_and_counted() -> None:
    pipeline = Pipeline("stubborn")
    running, let_go = asyncio.Event(), asyncio.Event()

    @pipeline.phase("stubborn")
    async def stubborn(ctx: PhaseContext) -> None:
        running.set()
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                pass
        with pytest.raises(Fenced):
            await ctx.commit(["too late"])

    async with in_memory(pipeline, grace=TIMEOUT) as engine:
        campaign = await started(engine, stubborn={})
        await running.wait()
        await campaign.stop()
        assert (await campaign.view()).status is CampaignStatus.STOPPED
        while engine.abandoned_threads == 0:
            await asyncio.sleep(0)
        assert engine.abandoned_threads == 1
        let_go.set()
        while engine.abandoned_threads > 0:
            await asyncio.sleep(0)
        assert [record async for record in campaign.records("stubborn")] == []


async def test_a_phase_that_never_returns_ends_by_its_timeout_and_its_thread_is_abandoned() -> None:
    pipeline = Pipeline("stuck")
    let_go = threading.Event()

    @pipeline.phase("stuck", timeout=TIMEOUT)
    def stuck(ctx: SyncPhaseContext) -> str:
        let_go.wait()
        return "too late"

    async with in_memory(pipeline, grace=TIMEOUT) as engine:
        campaign = await started(engine, stuck={})
        view = await campaign.at_rest()
        failure = view.phase("stuck").failure
        assert failure is not None and failure["code"] == "timed_out"
        while engine.abandoned_threads == 0:
            await asyncio.sleep(0)
        let_go.set()
        while engine.abandoned_threads > 0:
            await asyncio.sleep(0)
        assert (await campaign.view()).phase("stuck").failure == failure


async def test_a_thread_reads_what_came_before_and_commits() -> None:
    pipeline = Pipeline("numbers")

    @pipeline.phase("count")
    def count(ctx: SyncPhaseContext) -> None:
        ctx.commit(list(range(2_500)), checkpoint=2_500, done=2_500)

    @pipeline.phase("add")
    def add(ctx: SyncPhaseContext) -> int:
        assert ctx.upstream_total() == 2_500
        return sum(ctx.upstream()) - sum(ctx.upstream(2_000))

    async with in_memory(pipeline) as engine:
        campaign = await started(engine, count={}, add={})
        assert (await campaign.at_rest()).phase("add").summary == sum(range(2_000))


async def test_a_thread_that_heeds_a_pause_comes_to_rest_and_goes_on_from_its_checkpoint() -> None:
    pipeline = Pipeline("steps")
    halfway = threading.Event()

    @pipeline.phase("steps")
    def steps(ctx: SyncPhaseContext) -> int:
        for number in range(ctx.checkpoint or 0, 10):
            while number == 5 and ctx.ticket.attempt == 1:
                halfway.set()
                ctx.ensure_running()
            ctx.commit([number], checkpoint=number + 1)
        return ctx.records_before

    async with in_memory(pipeline) as engine:
        campaign = await started(engine, steps={})
        await asyncio.to_thread(halfway.wait)
        await campaign.pause()
        assert (await campaign.view()).status is CampaignStatus.PAUSED
        await campaign.resume()
        assert (await campaign.at_rest()).phase("steps").summary == 5
        assert [record async for record in campaign.records("steps")] == list(range(10))


async def test_a_phase_that_claims_to_have_been_interrupted_has_failed() -> None:
    pipeline = Pipeline("claim")

    @pipeline.phase("claim")
    async def claim(ctx: PhaseContext) -> None:
        raise Interrupted

    async with in_memory(pipeline) as engine:
        campaign = await started(engine, claim={})
        assert (await campaign.at_rest()).phase("claim").failure == {"code": "exception", "message": "Interrupted"}


async def test_check_says_what_a_schema_cannot_and_one_that_raises_lets_nothing_pass() -> None:
    pipeline = Pipeline("checked")

    @pipeline.phase("draw", schema={"type": "object"})
    class Draw:
        def check(self, config: Any, resources: Any) -> list[FieldProblem]:
            if config.get("raise"):
                raise SystemExit("no")
            if config.get("nonsense"):
                return ["nonsense"]  # type: ignore[list-item]
            if config["from"] < config["to"]:
                return []
            return [FieldProblem("/to", "order", "it must be above /from")]

        async def run(self, ctx: PhaseContext) -> None: ...

    async with in_memory(pipeline) as engine:
        campaign = await engine.create("spring")
        with pytest.raises(ConfigInvalid) as refused:
            await campaign.configure("draw", {"from": 2, "to": 1})
        assert [str(problem) for problem in refused.value.errors] == ["draw/to: it must be above /from"]
        for config in ({"raise": True}, {"nonsense": True}, {}):
            with pytest.raises(ConfigInvalid) as refused:
                await campaign.configure("draw", config)
            assert refused.value.errors[0].keyword == "check_failed"
        await campaign.configure("draw", {"from": 1, "to": 2})
        await campaign.start()
        assert (await campaign.at_rest()).status is CampaignStatus.COMPLETED


@pytest.mark.parametrize(("agrees", "records"), [(True, [1, 2, 3]), (False, [3]), (None, [3])])
async def test_can_continue_says_whether_a_changed_run_goes_on(agrees: bool | None, records: list[int]) -> None:
    pipeline = Pipeline("continued")
    asked: list[InputChange] = []

    @pipeline.phase("append")
    class Append:
        async def can_continue(self, change: InputChange) -> bool:
            asked.append(change)
            if agrees is None:
                raise RuntimeError("who knows")
            return agrees

        async def run(self, ctx: PhaseContext) -> None:
            await ctx.commit(ctx.config["add"], checkpoint={"added": len(ctx.config["add"])})
            if ctx.config.get("fail"):
                raise PhaseFailed("told", "so it was told")

    async with in_memory(pipeline) as engine:
        campaign = await started(engine, append={"add": [1, 2], "fail": True})
        await campaign.at_rest()
        await campaign.configure("append", {"add": [3]})
        await campaign.start()
        assert (await campaign.at_rest()).status is CampaignStatus.COMPLETED
        assert [record async for record in campaign.records("append")] == records
        assert asked[0].old_config == {"add": [1, 2], "fail": True} and asked[0].checkpoint == {"added": 2}


async def test_records_that_break_a_rule_are_refused_and_the_phase_can_go_on() -> None:
    pipeline = Pipeline("rules")

    @pipeline.phase("rules")
    async def rules(ctx: PhaseContext) -> None:
        for wrong in ("one record", {"one": "record"}, [object()], [float("inf")]):
            with pytest.raises(InvalidArgument):
                await ctx.commit(wrong)  # type: ignore[arg-type]
        with pytest.raises(Exception, match="65536|64 KiB|limit|at most"):
            await ctx.commit(["x" * 70_000])
        await ctx.commit(["right"])

    async with in_memory(pipeline) as engine:
        campaign = await started(engine, rules={})
        view = await campaign.at_rest()
        assert view.phase("rules").failure is None
        assert [record async for record in campaign.records("rules")] == ["right"]


async def test_python_phases_stand_among_built_in_ones() -> None:
    pipeline = Pipeline("mixed")
    pipeline.builtin("domain_generation")

    @pipeline.phase("choose")
    async def choose(ctx: PhaseContext) -> int:
        chosen = [record async for record in ctx.upstream() if record["domain"].startswith("b")]
        await ctx.commit(chosen)
        return len(chosen)

    generation = {"pattern_type": "prefix", "variable_length": 1, "character_set": "abc", "constant_string": "x", "tld": "test", "num_domains": 3}
    async with in_memory(pipeline) as engine:
        campaign = await started(engine, domain_generation=generation, choose={})
        view = await campaign.at_rest()
        assert view.phase("choose").summary == 1
        assert [record["domain"] async for record in campaign.records("choose")] == ["bx.test"]


def test_a_pipeline_says_what_is_wrong_with_it() -> None:
    pipeline = Pipeline("wrong")
    with pytest.raises(InvalidArgument):
        pipeline.phase("nothing")(42)
    with pytest.raises(InvalidArgument):
        pipeline.phase("hasty", timeout=timedelta(0))(print)


@pytest.mark.parametrize("add", [lambda p: p.builtin("nowhere"), lambda p: None, lambda p: p.phase("Bad Name")(print), lambda p: p.phase("a", schema={"type": 1})(print)])
async def test_an_engine_does_not_open_with_a_wrong_pipeline(add: Callable[[Pipeline], Any]) -> None:
    pipeline = Pipeline("wrong")
    add(pipeline)
    with pytest.raises(InvalidArgument):
        async with in_memory(pipeline):
            raise AssertionError("it must not open")
