"""Who plays which role: when two roles have the same model, and what is said about it."""

from dataclasses import replace

import pytest
from test_redteam_search import qa_config

from cairn.lm.cast import Model, cast
from cairn.redteam.cautions import cautions

ROLES = ("mutator", "target", "oracle", "judge", "held_out")
URL = "http://127.0.0.1:1/v1"


def with_models(**changed):
    """A question-answering run with a model of its own per role, but for these."""
    models = {role: Model(URL, role) for role in ROLES}
    return replace(qa_config(), models={**models, **changed})


@pytest.mark.parametrize("role", ROLES[:-1])
def test_a_held_out_judge_that_plays_another_role_is_pointed_out(role):
    assert cautions(with_models()) == ()
    (caution,) = cautions(with_models(held_out=Model(URL, role)))
    assert caution.startswith(f"held_out is the same model as {role}:")


def test_a_slash_at_the_end_hides_no_model_and_makes_no_second_endpoint():
    same = with_models(held_out=Model(URL + "/", "judge"))
    assert cautions(same)[0].startswith("held_out is the same model as judge:")
    roles = cast(same.models)
    assert roles["held_out"].endpoint is roles["judge"].endpoint
    assert roles["held_out"].endpoint is not roles["target"].endpoint


def test_all_roles_of_one_model_are_listed():
    (caution,) = cautions(with_models(**{role: Model(URL, "one") for role in ROLES}))
    assert "as mutator, target, oracle and judge:" in caution
