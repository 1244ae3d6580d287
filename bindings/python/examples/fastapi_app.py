"""A FastAPI app that embeds the engine: `uvicorn fastapi_app:app`.

The engine opens and closes with the app. What was running when the app ended goes on when it starts again.
"""

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

import phasegate
from phasegate import Engine, Json, Mode, PhaseContext, Pipeline

pipeline = Pipeline("reports")


@pipeline.phase("collect", schema={"type": "object", "required": ["numbers"], "properties": {"numbers": {"type": "array", "items": {"type": "number"}}}})
async def collect(ctx: PhaseContext) -> None:
    await ctx.commit(ctx.config["numbers"])


@pipeline.phase("add")
async def add(ctx: PhaseContext) -> Json:
    return {"sum": sum([number async for number in ctx.upstream()])}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    async with Engine.open(os.environ.get("REPORTS", "reports.redb"), pipeline=pipeline) as engine:
        app.state.engine = engine
        yield


app = FastAPI(title="Reports", lifespan=lifespan)


def engine_of(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


@app.exception_handler(phasegate.PhasegateError)
async def refused(request: Request, error: phasegate.PhasegateError) -> JSONResponse:
    """Each error has a code, a sentence for a person, and data."""
    status = {"not_found": 404, "config_invalid": 400, "invalid_name": 400}.get(error.code, 409)
    return JSONResponse({"code": error.code, "message": str(error), **error.data}, status)


@app.post("/reports", status_code=201)
async def create(request: Request, name: Annotated[str, Body(embed=True)]) -> dict[str, str]:
    campaign = await engine_of(request).create(name, mode=Mode.FULL_SEQUENCE)
    return {"id": campaign.id}


@app.put("/reports/{id}/configs")
async def configure(request: Request, id: str, configs: dict[str, Any]) -> dict[str, Any]:
    campaign = await engine_of(request).campaign(id)
    await campaign.plan(configs)
    report = await campaign.preflight()
    return {"ready": report.ready, "missing": report.missing_phases}


@app.post("/reports/{id}/start", status_code=202)
async def start(request: Request, id: str) -> dict[str, str]:
    campaign = await engine_of(request).campaign(id)
    await campaign.start()
    return {"status": (await campaign.view()).status}


@app.get("/reports/{id}")
async def show(request: Request, id: str) -> dict[str, Any]:
    view = await (await engine_of(request).campaign(id)).view()
    return {"name": view.name, "status": view.status, "phases": {phase.phase: phase.status for phase in view.phases}}


@app.get("/reports/{id}/sum")
async def result(request: Request, id: str) -> Json:
    view = await (await engine_of(request).campaign(id)).at_rest()
    return view.phase("add").summary


@app.get("/reports/{id}/events")
async def events(request: Request, id: str, after: str | None = None) -> StreamingResponse:
    """Server-sent events from a cursor on; the id of each is the cursor to go on after."""
    campaign = await engine_of(request).campaign(id)

    async def lines() -> AsyncIterator[str]:
        async for event in campaign.events(after):
            yield f"id: {event.cursor}\nevent: {event.type}\ndata: {event.seq}\n\n"
            if event.type == "campaign_completed":
                return

    return StreamingResponse(lines(), media_type="text/event-stream")
