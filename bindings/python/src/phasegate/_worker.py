"""Does the jobs of an engine: runs its phases that are written in Python."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from ._boundary import dump, native, translated, waited
from .errors import Closed, Fenced, Interrupted, InvalidArgument, PhaseFailed
from .phase import Deferred, FieldProblem, InputChange, PhaseContext, SyncPhaseContext
from .pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class _Raised:
    """What was raised, as a value: a task that raises SystemExit would end its event loop."""

    error: BaseException


async def _caught(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await work
    except BaseException as error:  # whatever it is, it is an outcome
        return _Raised(translated(error))


class Worker:
    """Takes the jobs of one engine on the event loop that opened it."""

    def __init__(self, engine: native.HostEngine, pipelines: list[Pipeline]) -> None:
        self._engine = engine
        self._hosted = {(pipeline.id, name): phase for pipeline in pipelines for name, phase in pipeline._hosted.items()}
        self._loop = asyncio.get_running_loop()
        self._jobs: set[asyncio.Task[None]] = set()
        self._strays: set[asyncio.Future[Any]] = set()
        self._pull = self._loop.create_task(self._take(), name="phasegate")

    @property
    def abandoned(self) -> int:
        """How many threads and tasks still work on an attempt that has ended without them."""
        return len(self._strays)

    async def finished(self) -> None:
        """Waits until every job is answered, after the engine was shut down."""
        await asyncio.wait({self._pull, *self._jobs})

    async def _take(self) -> None:
        try:
            while (job := await waited(self._engine.next_job())) is not None:
                task = self._loop.create_task(self._do(job), name=f"phasegate {job.phase()}")
                self._jobs.add(task)
                task.add_done_callback(self._jobs.discard)
        except Closed:
            pass
        except asyncio.CancelledError:
            # The loop ends: nobody is left to do the jobs, whose campaigns go on when the store is opened again.
            self._engine.abandon()
            raise

    async def _do(self, job: native.Job) -> None:
        hosted = self._hosted[job.pipeline(), job.phase()]
        try:
            if job.kind() == native.JobKind.RUN:
                await self._run(job, hosted.run)
            elif job.kind() == native.JobKind.CHECK:
                await self._check(job, hosted.check)
            else:
                await self._can_continue(job, hosted.can_continue)
        except asyncio.CancelledError:
            self._engine.abandon()
            raise
        except Exception as error:
            # Without an answer the engine would wait for as long as somebody holds the job.
            job.fail("exception", _sentence(error))
            raise

    def _begin(self, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Calls a function of the host: on the loop if it is async, else in a thread of its own."""
        if _is_async(function):
            return self._loop.create_task(_caught(function(*arguments)))
        outcome: asyncio.Future[Any] = self._loop.create_future()

        def settle(value: Any) -> None:
            if not outcome.done():
                outcome.set_result(value)

        def body() -> None:
            try:
                value = function(*arguments)
            except BaseException as error:  # whatever it is, it is an outcome
                value = _Raised(translated(error))
            try:
                self._loop.call_soon_threadsafe(settle, value)
            except RuntimeError:
                pass  # The loop is over.

        # A daemon, so that a phase that never returns doesn't keep the process from its end.
        threading.Thread(target=body, name=f"phasegate {getattr(function, '__qualname__', 'phase')}", daemon=True).start()
        return outcome

    async def _run(self, job: native.Job, run: Callable[..., Any]) -> None:
        context: PhaseContext | SyncPhaseContext
        context = PhaseContext(job) if _is_async(run) else SyncPhaseContext(job, self._call_from_thread)
        work = self._begin(run, context)
        asked = self._loop.create_task(job.cancelled())
        ended = self._loop.create_task(job.ended())
        try:
            await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                if isinstance(work, asyncio.Task):
                    work.cancel()
                await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                self._answer(job, work.result())
            else:
                self._strays.add(work)
                work.add_done_callback(self._strays.discard)
        finally:
            asked.cancel()
            ended.cancel()
            # A stray was cancelled once, and may be putting things in order.
            if isinstance(work, asyncio.Task) and not work.done() and work not in self._strays:
                work.cancel()

    def _answer(self, job: native.Job, outcome: Any) -> None:
        match outcome:
            case Deferred():
                job.defer()
            case _Raised(error=PhaseFailed() as failure):
                job.fail(failure.code, failure.message)
            case _Raised(error=Fenced()):
                job.interrupted()
            case _Raised(error=asyncio.CancelledError() | Interrupted()) if job.is_cancelled():
                job.interrupted()
            case _Raised(error=error):
                job.fail("exception", _sentence(error))
            case summary:
                try:
                    job.complete(dump("summary", summary))
                except InvalidArgument as error:
                    job.fail("summary_unwritable", str(error))

    def _call_from_thread(self, call: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(waited(call), self._loop).result()

    async def _check(self, job: native.Job, check: Callable[..., Any] | None) -> None:
        given = json.loads(job.input())
        problems: list[dict[str, str]] = []
        if check is not None:
            outcome = await self._begin(check, given["config"], given["resources"])
            try:
                if isinstance(outcome, _Raised):
                    raise outcome.error
                problems = [_problem(problem) for problem in outcome or ()]
            except BaseException as error:  # a check that fails has not passed
                problems = [{"pointer": "", "keyword": "check_failed", "message": _sentence(error)}]
        job.problems(dump("list of problems", problems))

    async def _can_continue(self, job: native.Job, can_continue: Callable[..., Any] | None) -> None:
        given = json.loads(job.input())
        change = InputChange(given["oldConfig"], given["newConfig"], given["changedResources"], given["checkpoint"])
        outcome = await self._begin(can_continue, change) if can_continue is not None else False
        job.can_continue(outcome is True)


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))


def _problem(problem: Any) -> dict[str, str]:
    if not isinstance(problem, FieldProblem):
        raise TypeError(f"check returned {problem!r}, not a FieldProblem")
    return {"pointer": problem.pointer, "keyword": problem.keyword, "message": problem.message}


def _sentence(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
