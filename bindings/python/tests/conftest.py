"""What the tests share: phases that end as they are told, and programs that run in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import phasegate
from phasegate import Engine, Mode, Pipeline

REPOSITORY = Path(__file__).parents[3]
#: The longest that anything may take here; whatever takes longer hangs.
PATIENCE_S = 60


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The path of a store that isn't there yet."""
    return tmp_path / "campaigns.redb"


def schema(name: str) -> Any:
    """A file of ``schemas/``: what the engine says once, and every host is compared with."""
    return json.loads((REPOSITORY / "schemas" / name).read_text())


def in_memory(pipeline: Pipeline, **options: Any) -> Engine:
    """An engine on a store in memory."""
    return Engine.open(None, pipeline=pipeline, **options)


async def started(engine: Engine, **configs: Any) -> phasegate.Campaign:
    """A campaign in full sequence, whose first phase was started."""
    campaign = await engine.create("spring", mode=Mode.FULL_SEQUENCE, configs=configs)
    await campaign.start()
    return campaign


def python(program: str, *arguments: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Runs a program in a process of its own, which must end with the code that is expected."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if expect is not None:
        assert done.returncode == expect, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done
