"""What is shown is made of values: equality, repr, pattern matching, pickles and a tidy form in notebooks."""

from __future__ import annotations

import pickle

import pytest

import phasegate
from conftest import in_memory
from phasegate import ConfigInvalid, Mode, PhasegateError, PhaseStatus, Pipeline, PreflightFailed, Problem, Ticket


def pipeline() -> Pipeline:
    made = Pipeline("press")

    @made.phase("collect")
    async def collect(ctx: phasegate.PhaseContext) -> None: ...

    @made.phase("refine")
    async def refine(ctx: phasegate.PhaseContext) -> None: ...

    return made


async def test_a_view_has_equality_a_line_of_text_and_a_small_diagram() -> None:
    async with in_memory(pipeline()) as engine:
        campaign = await engine.create("spring & <sons>", configs={"collect": {}})
        await campaign.start()
        view = await campaign.at_rest()
        assert view == await campaign.view()
        assert str(view) == "spring & <sons> (idle): ✓ collect → ○ refine"
        html = view._repr_html_()
        assert "spring &amp; &lt;sons&gt;" in html and "✓ collect" in html and "<sons>" not in html
        match view.phases:
            case [phasegate.PhaseView(phase="collect", status=PhaseStatus.COMPLETED), phasegate.PhaseView(configured=False)]:
                pass
            case other:
                raise AssertionError(other)
        with pytest.raises(KeyError):
            view.phase("nowhere")
        allowed = [command.command for command in view.next if command.allowed and command.phase == "collect"]
        assert allowed == ["restart"]


def test_words_are_words() -> None:
    assert Mode("full_sequence") is Mode.FULL_SEQUENCE
    assert f"{Mode.FULL_SEQUENCE}" == "full_sequence"
    with pytest.raises(ValueError, match="sometimes"):
        Mode("sometimes")


def test_tickets_survive_as_json() -> None:
    ticket = Ticket("c", "approve", 2, 3)
    assert Ticket.from_json(ticket.to_json()) == ticket


async def test_errors_survive_a_pickle_with_their_data() -> None:
    async with in_memory(pipeline()) as engine:
        campaign = await engine.create("spring", mode="full_sequence")
        with pytest.raises(PreflightFailed) as refused:
            await campaign.start()
    copy = pickle.loads(pickle.dumps(refused.value))
    assert (type(copy), str(copy), copy.code) == (PreflightFailed, str(refused.value), "preflight_failed")
    assert copy.missing_phases == ["collect", "refine"]
    assert copy.errors == refused.value.errors and isinstance(copy.errors[0], Problem)


def test_every_error_is_exported_and_documented() -> None:
    def family(kind: type[PhasegateError]) -> list[type[PhasegateError]]:
        return [kind, *(below for one in kind.__subclasses__() for below in family(one))]

    for kind in family(PhasegateError):
        assert getattr(phasegate, kind.__name__) is kind
        assert kind.__doc__
    assert issubclass(ConfigInvalid, ValueError)


def test_every_name_that_is_exported_has_words_for_help() -> None:
    for name in phasegate.__all__:
        assert getattr(phasegate, name).__doc__, name
