"""The examples and the guide do what they say, in a process of their own as a user would run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import files, metadata
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import phasegate
from conftest import PATIENCE_S

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "bindings" / "python" / "examples"
PAGES = [ROOT / "docs" / "python.md", ROOT / "bindings" / "python" / "README.md"]


def run(program: Path, *arguments: str, interpreter: str = sys.executable, expect: int = 0, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [interpreter, str(program), *arguments], capture_output=True, text=True, timeout=PATIENCE_S * 5, check=False, cwd=cwd
    )
    assert done.returncode == expect, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of an environment with nothing but the wheel."""
    wheels = list((ROOT / "target" / "python" / "wheels" / "dev").glob("*.whl"))
    assert len(wheels) == 1, "build it with: cargo xtask python-wheel"
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=True)
    interpreter = folder / "bin" / "python"
    subprocess.run([interpreter, "-m", "pip", "-q", "install", "--no-index", wheels[0]], check=True)
    return str(interpreter)


def test_from_the_wheel_alone_a_chain_in_two_languages_is_killed_and_finishes_with_each_record_once(
    bare: str, tmp_path: Path
) -> None:
    text = (EXAMPLES / "two_languages.py").read_text()
    store = str(tmp_path / "shops.redb")
    for moment in ("ctx.records_before == 0 and record['domain'] == 'bashop.test'", "record['domain'] == 'ccshop.test'"):
        # Killed before it commits that record, in the first phase in Python and then in the second.
        dying = tmp_path / "dying.py"
        assert text.count("        await ctx.commit(") == text.count("        ctx.commit(") == 1
        line = f"        __import__('os')._exit(9) if {moment} else None\n"
        await_first = "ctx.records_before" in moment
        before = "        await ctx.commit(" if await_first else "        ctx.commit("
        dying.write_text(text.replace(before, line + before))
        run(dying, store, interpreter=bare, expect=9)
    printed = run(EXAMPLES / "two_languages.py", store, interpreter=bare).splitlines()
    assert printed[0] == "spring (completed): ✓ domain_generation → ✓ measure → ✓ grade"
    names = [a + b + "shop.test" for a in "abc" for b in "abc"]
    assert [eval(line) for line in printed[1:]] == [{"domain": name, "length": 11, "short": True} for name in names]


def test_the_lead_generation_pipeline_runs_against_the_sandbox() -> None:
    printed = run(EXAMPLES / "lead_generation.py").splitlines()
    assert printed[0].startswith("shops (completed): ✓ domain_generation → ✓ dns_validation")
    assert sum(json.loads(printed[-1].replace("'", '"')).values()) == 200


def test_a_pipeline_of_python_phases_waits_for_an_approval_across_processes(tmp_path: Path) -> None:
    printed = run(EXAMPLES / "approval.py", str(tmp_path)).splitlines()
    assert printed[-2:] == ["reported: recorded", "week 12 (completed): ✓ draft → ✓ approve → ✓ publish"]


def test_a_fastapi_app_embeds_the_engine_and_goes_on_after_a_restart(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fastapi_app

    monkeypatch.setenv("REPORTS", str(store))
    with TestClient(fastapi_app.app) as client:
        id = client.post("/reports", json={"name": "march"}).json()["id"]
        refused = client.post(f"/reports/{id}/start")
        assert refused.status_code == 409
        assert refused.json()["report"]["missingPhases"] == ["collect", "add"]
        wrong = client.put(f"/reports/{id}/configs", json={"collect": {"numbers": "many"}})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "config_invalid")
        configured = client.put(f"/reports/{id}/configs", json={"collect": {"numbers": [1, 2.5]}, "add": {}})
        assert configured.json() == {"ready": True, "missing": []}
        assert client.post(f"/reports/{id}/start").status_code == 202
        assert client.get(f"/reports/{id}/sum").json() == {"sum": 3.5}
        assert client.get("/reports/nowhere").status_code == 404
    with TestClient(fastapi_app.app) as client:
        assert client.get(f"/reports/{id}").json() == {
            "name": "march",
            "status": "completed",
            "phases": {"collect": "completed", "add": "completed"},
        }
        streamed = client.get(f"/reports/{id}/events").text
        assert streamed.endswith("event: campaign_completed\ndata: 8\n\n")


def blocks() -> list[str]:
    """The Python in the guide and the package's own page, each block a program of its own."""
    text = "".join(page.read_text() for page in PAGES)
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(blocks())))
def test_each_block_of_the_guide_runs(number: int, tmp_path: Path) -> None:
    program = tmp_path / "block.py"
    program.write_text(blocks()[number])
    run(program, cwd=tmp_path)


def test_the_guide_and_the_examples_pass_the_type_checkers_as_a_user_would_run_them(tmp_path: Path) -> None:
    for number, block in enumerate(blocks()):
        (tmp_path / f"guide_{number}.py").write_text(block)
    for example in EXAMPLES.glob("*.py"):
        (tmp_path / example.name).write_text(example.read_text())
    settings: dict[str, Any] = {"typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    environment = {**os.environ, "PYRIGHT_PYTHON_CACHE_DIR": str(ROOT / "target" / "python" / "pyright")}
    mypy = ["mypy", "--strict", "--cache-dir", str(tmp_path / "mypy"), "."]
    for checker in (mypy, ["pyright", "--pythonpath", sys.executable, "--warnings"]):
        done = subprocess.run([sys.executable, "-m", *checker], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_the_wheel_carries_its_version_licences_notices_and_types() -> None:
    about = metadata("phasegate")
    assert about["Version"] == phasegate.__version__
    assert about["License-Expression"] == "MIT OR Apache-2.0"
    packed = {str(file) for file in files("phasegate") or []}
    for name in ("LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY-NOTICES.md"):
        assert any(file.endswith(f"licenses/{name}") for file in packed), name
    assert "phasegate/py.typed" in packed
    wheel = next((ROOT / "target" / "python" / "wheels" / "dev").glob("*.whl"))
    assert "-py3-none-" in wheel.name, "it serves every Python 3 from 3.11 on"
    with zipfile.ZipFile(wheel) as content:
        assert not [name for name in content.namelist() if "test" in name or "examples" in name]
