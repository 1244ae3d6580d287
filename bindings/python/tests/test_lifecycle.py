"""How engines begin and end: loops, threads, forks, crashes and the end of the interpreter."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import phasegate.sync
from conftest import PATIENCE_S, in_memory, python, started
from phasegate import CampaignStatus, Closed, Damaged, Engine, Held, InvalidArgument, PhaseContext, Pipeline, verify_file

CALLS = int(os.environ.get("PHASEGATE_CALLS", "10000"))
CHAINS = int(os.environ.get("PHASEGATE_CHAINS", "2000"))


def idle() -> Pipeline:
    pipeline = Pipeline("idle")

    @pipeline.phase("rest")
    async def rest(ctx: PhaseContext) -> None: ...

    pipeline.resource_kind("kind", {"type": "object"})
    return pipeline


def test_a_second_event_loop_opens_and_uses_engines_as_the_first_did(store: Path) -> None:
    async def use() -> CampaignStatus:
        async with Engine.open(store, pipeline=idle()) as engine:
            campaign = await started(engine, rest={})
            return (await campaign.at_rest()).status

    assert [asyncio.run(use()) for _ in range(3)] == [CampaignStatus.COMPLETED] * 3


def test_engines_in_several_threads_and_loops_do_not_mind_each_other() -> None:
    async def use(number: int) -> tuple[int, CampaignStatus]:
        async with in_memory(idle()) as engine:
            campaign = await started(engine, rest={})
            return number, (await campaign.at_rest()).status

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda number: asyncio.run(use(number)), range(32)))
    assert done == [(number, CampaignStatus.COMPLETED) for number in range(32)]


async def test_an_engine_serves_calls_from_the_loops_of_other_threads() -> None:
    async with in_memory(idle()) as engine:
        campaign = await started(engine, rest={})
        await campaign.at_rest()

        async def look() -> CampaignStatus:
            return (await campaign.view()).status

        looks = [asyncio.to_thread(asyncio.run, look()) for _ in range(8)]
        assert await asyncio.gather(*looks) == [CampaignStatus.COMPLETED] * 8


async def test_a_call_that_is_given_up_leaves_no_half_done_command_and_harms_nobody() -> None:
    async with in_memory(idle()) as engine:
        campaigns = [await engine.create(f"campaign {number}", configs={"rest": {}}) for number in range(200)]
        calls = [asyncio.create_task(campaign.start()) for campaign in campaigns]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        gc.collect()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert not [one for one in outcomes if isinstance(one, Exception)]
        for campaign in campaigns:
            view = await campaign.at_rest()
            assert view.status in (CampaignStatus.COMPLETED, CampaignStatus.IDLE)


async def test_every_call_after_the_close_is_a_typed_error_from_any_thread(store: Path) -> None:
    engine = await Engine.open(store, pipeline=idle())
    campaign = await engine.create("spring", configs={"rest": {}})
    events = campaign.events()
    assert (await anext(events)).type == "campaign_created"
    await engine.close()
    await engine.close()
    calls: list[Callable[[], Any]] = [
        campaign.view,
        campaign.start,
        campaign.delete,
        lambda: engine.create("summer"),
        engine.campaigns,
        lambda: engine.put_resource("kind", "id", {}),
        lambda: engine.backup(store.with_suffix(".copy")),
        lambda: anext(campaign.events()),
        lambda: anext(campaign.records("rest")),
    ]
    for call in calls:
        with pytest.raises(Closed):
            await call()
        with pytest.raises(Closed):
            await asyncio.to_thread(asyncio.run, _awaited(call))
    with pytest.raises(Closed):
        campaign.progress()
    with pytest.raises(Closed):
        engine.manifests()
    del engine, campaign
    gc.collect()


async def _awaited(call: Callable[[], Any]) -> Any:
    return await call()


async def test_an_engine_that_was_never_opened_says_so() -> None:
    engine = in_memory(idle())
    with pytest.raises(Closed, match="async with"):
        await engine.create("spring")
    async with engine:
        with pytest.raises(InvalidArgument, match="open already"):
            await engine.__aenter__()
        with pytest.raises(InvalidArgument, match="in use"):
            engine.builtin("analysis")


async def test_a_file_that_is_held_or_damaged_or_no_store_is_a_typed_error(store: Path, tmp_path: Path) -> None:
    async with Engine.open(store, pipeline=idle()):
        done = python(_OPENS, str(store))
        assert done.stdout.strip() == "Held BlockingIOError"
        with pytest.raises(Held):
            await Engine.open(store, pipeline=idle())
    assert (await verify_file(store))["clean"] is True
    text = tmp_path / "no-store.redb"
    text.write_text("This is no store.")
    with pytest.raises(Exception) as refused:
        await Engine.open(text, pipeline=idle())
    assert isinstance(refused.value, OSError), refused.value
    assert Damaged.__mro__[1].__name__ == "StorageFailed"


_OPENS = """
import asyncio, sys
import phasegate

async def main():
    try:
        await phasegate.Engine.open(sys.argv[1], pipeline=phasegate.Pipeline.lead_generation())
    except phasegate.Held as held:
        print(type(held).__name__, BlockingIOError.__name__ if isinstance(held, BlockingIOError) else "")

asyncio.run(main())
"""


async def test_a_backup_is_a_store_of_its_own(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.redb"
    async with Engine.open(store, pipeline=idle()) as engine:
        campaign = await engine.create("spring")
        await engine.backup(copy)
        await engine.create("summer")
    async with Engine.open(copy, pipeline=idle()) as engine:
        assert [view.id for view in await engine.campaigns()] == [campaign.id]


_CHAIN = """
import asyncio, os, sys
from phasegate import CampaignStatus, Engine, Mode, PhaseContext, SyncPhaseContext

engine = Engine.open(sys.argv[1], pipeline="numbers")

async def count(ctx: PhaseContext):
    for number in range(ctx.checkpoint or 0, 40):
        await ctx.commit([number], checkpoint=number + 1)
        die(number)

def double(ctx: SyncPhaseContext):
    for number in ctx.upstream(ctx.records_before):
        ctx.commit([number * 2])
        die(100 + number)

deaths = [int(one) for one in sys.argv[2].split(",") if one]

def die(moment):
    if moment in deaths:
        os._exit(9)

engine.phase("count")(count)
engine.phase("double")(double)

async def main():
    async with engine:
        page = await engine.campaigns()
        if page.items:
            campaign = await engine.campaign(page.items[0].id)
        else:
            campaign = await engine.create("spring", mode=Mode.FULL_SEQUENCE, configs={"count": {}, "double": {}})
            await campaign.start()
        view = await campaign.at_rest()
        print(view.status, [x async for x in campaign.records("count")] == list(range(40)),
              [x async for x in campaign.records("double")] == list(range(0, 80, 2)))

asyncio.run(main())
"""


def test_a_process_that_dies_in_the_middle_is_recovered_and_every_record_is_there_once(store: Path) -> None:
    for death in ("0", "7", "39", "100", "120", "139"):
        python(_CHAIN, str(store), death, expect=9)
    done = python(_CHAIN, str(store), "")
    assert done.stdout.split() == ["completed", "True", "True"]


_LEFT = """
import asyncio, sys, threading
import phasegate.sync

pipeline = phasegate.Pipeline("left")
forever = threading.Event()
configs = {"wait": {}}

@pipeline.phase("wait")
async def wait(ctx):
    await asyncio.Event().wait()

def block(ctx):
    forever.wait()

blocking = phasegate.Pipeline("blocking")
blocking.phase("wait")(block)

async def main(how):
    engine = await phasegate.Engine.open(None, pipeline=[pipeline, blocking])
    campaigns = [
        await engine.create(f"{n}", pipeline="blocking" if n % 2 else "left", configs=configs) for n in range(20)
    ]
    await asyncio.gather(*(campaign.start() for campaign in campaigns))
    if how == "raise":
        raise SystemExit(7)
    if how == "events":
        streams = [campaign.events((await campaign.events(follow=False).__anext__()).cursor) for campaign in campaigns]
        waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
    if how == "calls":
        waiting = [asyncio.ensure_future(campaign.at_rest()) for campaign in campaigns]
    await asyncio.sleep(0)

how = sys.argv[1]
if how == "sync":
    left = phasegate.sync.Engine.open(None, pipeline=blocking).connect()
    campaign = left.create("x", configs=configs)
    campaign.start()

    def watch():
        try:
            campaign.at_rest()
        except phasegate.Closed:
            pass

    threading.Thread(target=watch, daemon=True).start()
elif how == "loop":
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main(how))
    loop.close()
else:
    asyncio.run(main(how))
print("left")
"""


@pytest.mark.parametrize(("how", "code"), [("return", 0), ("calls", 0), ("events", 0), ("raise", 7), ("loop", 0), ("sync", 0)])
def test_an_interpreter_that_ends_in_the_middle_of_everything_ends_quietly(how: str, code: int) -> None:
    done = python(_LEFT, how, expect=code)
    assert "Fatal" not in done.stderr and "panicked" not in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_a_child_that_was_forked_after_an_engine_was_opened_gets_a_typed_error() -> None:
    done = python(_FORKS)
    assert done.stdout.splitlines() == ["early completed", *["Closed forked"] * 5, "child 0", "completed"], done.stderr


_FORKS = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import phasegate.sync

def pipeline():
    made = phasegate.Pipeline("idle")
    made.phase("rest")(lambda ctx: None)
    return made

def chain(engine):
    campaign = engine.create("x", mode="full_sequence", configs={"rest": {}})
    campaign.start()
    return campaign.at_rest().status

# A child of a process that has only imported the package is free.
child = os.fork()
if child == 0:
    with phasegate.sync.Engine.open(None, pipeline=pipeline()) as engine:
        print("early", chain(engine), flush=True)
    os._exit(0)
os.waitpid(child, 0)

async def view(twin):
    return await twin.view()

with phasegate.sync.Engine.open(None, pipeline=pipeline()) as engine:
    campaign = engine.create("spring")
    child = os.fork()
    if child == 0:
        calls = [
            campaign.view,
            engine.manifests,
            engine.close,
            lambda: asyncio.run(view(campaign._twin)),
            lambda: phasegate.sync.Engine.open(None, pipeline=pipeline()).connect(),
        ]
        for call in calls:
            try:
                call()
            except phasegate.Closed as closed:
                print("Closed", closed.code, flush=True)
        del engine, campaign, calls
        os._exit(0)
    _, code = os.waitpid(child, 0)
    print("child", code)
    print(chain(engine))
"""


def test_ten_thousand_calls_from_many_threads_under_collection_storms() -> None:
    stop = threading.Event()

    def storm() -> None:
        while not stop.wait(0.002):
            gc.collect()

    collector = threading.Thread(target=storm)
    gc.freeze()  # What other tests have loaded is not what is collected here.
    collector.start()
    try:
        with phasegate.sync.Engine.open(None, pipeline=idle()) as engine, ThreadPoolExecutor(8) as threads:
            campaigns = [engine.create(f"campaign {number}") for number in range(8)]

            def call(number: int) -> int:
                campaign = campaigns[number % 8]
                if number % 50 == 0:
                    campaign.configure("rest", {"number": number})
                return len(campaign.view().phases) + len(list(campaign.events(follow=False))[:1])

            assert set(threads.map(call, range(CALLS), timeout=PATIENCE_S * 10)) == {2}
    finally:
        stop.set()
        collector.join()
        gc.unfreeze()


def _resident_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
async def test_memory_is_flat_over_many_chains() -> None:
    """What grows with each chain would show; ``PHASEGATE_CHAINS`` sets how many there are."""
    async with in_memory(idle()) as engine:

        async def chains(count: int) -> None:
            for _ in range(count):
                campaign = await started(engine, rest={})
                await campaign.at_rest()
                await campaign.delete()

        await chains(CHAINS // 2)
        gc.collect()
        before, objects = _resident_kib(), len(gc.get_objects())
        await chains(CHAINS // 2)
        gc.collect()
        grown, more = _resident_kib() - before, len(gc.get_objects()) - objects
        print(f"after {CHAINS} chains: {grown} KiB and {more} objects more than after half of them")
        assert more < 200
        # The store in memory keeps a tombstone of each; what leaks a job or a future would be far above.
        assert grown < 8 * 1024 + CHAINS
