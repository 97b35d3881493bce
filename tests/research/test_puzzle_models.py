"""A language model as judge: what it is asked, what is read, what is never made up; many games."""

import json

import pytest

from cairn.core.errors import ConfigError
from cairn.lm.scripted import ScriptedModel
from cairn.research.puzzles import kinds, study
from cairn.research.puzzles.judge import Noise
from cairn.research.puzzles.study import Arm


def moves_of(text):
    """The moves that a prompt lists."""
    return json.loads(text.split("Possible moves: ", 1)[1].split("\n", 1)[0])


def boxed(value):
    return f"I think so.\n\\boxed{{{json.dumps(value)}}}"


def knowing(game, leave_out=None, broken=None):
    """A model that knows the game; it leaves a move out of its first lists, or answers badly."""

    def script(request, key):
        text = request.messages[-1].content
        asked.append(text)
        numbers = text.rsplit("Numbers: ", 1)[1].split("\n", 1)[0]
        state = tuple(int(n) for n in numbers.split(", "))
        moves = moves_of(text)
        worth = {n: float(game.solvable({m.text: m.state for m in game.moves(state)}[t]))
                 for n, t in moves.items()}  # fmt: skip
        if broken is not None:
            return broken
        if leave_out is not None and len(worth) > 1:
            del worth[sorted(worth)[leave_out]]
        if "operation_values" in text:
            return boxed({"operation_values": worth})
        if "operation_scores" in text:
            return boxed({"operation_scores": worth})
        if "state_value_estimation" in text:
            return boxed({"state_value_estimation": float(game.solvable(state))})
        return boxed({"explore": not game.solvable(state)})

    asked = []
    return ScriptedModel(script, name=f"{leave_out}{broken}"), asked


def one_game(tmp_path, method, **faults):
    games = study.items(["countdown-3"], [Arm(method, method)], 1, seed=0, split="val", budget=None)
    model, asked = knowing(kinds.game_of(games[0]["puzzle"]), **faults)
    mapped = study.run(games, tmp_path / "run", models={"judge": model}, show=False)
    return mapped, next(iter(mapped.outcomes())), asked, games


@pytest.mark.parametrize("method", ["lfs", "tot-bfs", "best-first", "mcts"])
def test_a_model_that_knows_the_game_wins_by_every_method(tmp_path, method):
    mapped, outcome, asked, games = one_game(tmp_path, method)
    assert outcome.value["won"] and outcome.value["tokens"] == mapped.spent.tokens
    assert sum(outcome.value["calls"].values()) == len(asked) == mapped.spent.calls
    assert "State 0:\nTarget:" in asked[-1] and "Move 0: " in asked[-1]  # the whole way
    before = len(asked)
    again = study.run(games, tmp_path / "run", models={"judge": knowing(None)[0]}, show=False)
    assert again.done == 1 and len(asked) == before  # nothing is asked or played again


def test_a_value_that_is_left_out_is_asked_for_again_alone(tmp_path):
    _, outcome, asked, _ = one_game(tmp_path, "tot-bfs", leave_out=0)
    assert outcome.kind == "done" and outcome.value["won"]
    assert len(moves_of(asked[0])) > 1 and list(moves_of(asked[1])) == ["0"]


def test_a_prior_that_is_left_out_is_one_over_the_actions_at_once(tmp_path):
    _, outcome, asked, _ = one_game(tmp_path, "mcts", leave_out=0)
    assert outcome.value["won"]
    scored = [text for text in asked if "operation_scores" in text]
    assert len(scored) == outcome.value["calls"]["prior"] == len({*scored})  # none twice


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("It is good.", "expected"),
        ("\\boxed{0.7}", "expected a JSON object in the box"),
        ("\\boxed{{}}", "got nothing"),
        ('\\boxed{{"state_value_estimation": 7}}', "expected a number in [0, 1]"),
        ('\\boxed{{"state_value_estimation": true}}', "got True"),
    ],
)
def test_a_game_without_a_readable_answer_has_failed_and_is_not_lost(tmp_path, answer, says):
    mapped, outcome, asked, games = one_game(tmp_path, "lfs", broken=answer)
    assert outcome.kind == "failed" and says in outcome.value["message"] and len(asked) == 3
    (row,) = study.rows(mapped.outcomes(), games)
    assert (row.failed, row.won.of, row.won.value, row.calls) == (1, 0, None, None)


def test_a_box_may_follow_thoughts_that_hold_one_and_moves_may_be_named_by_their_text(tmp_path):
    games = study.items(["countdown-2"], [Arm("t", "tot-bfs")], 1, seed=0, split="val", budget=None)

    def script(request, key):
        listed = moves_of(request.messages[-1].content)
        said = dict.fromkeys(listed.values(), 0.5)
        return "Maybe \\boxed{no}. So: " + boxed({"operation_values": said})

    mapped = study.run(games, tmp_path / "run", models={"judge": ScriptedModel(script)}, show=False)
    assert mapped.done == 1


def test_games_under_a_simulated_judge_are_the_same_in_any_order_and_share_their_errors(tmp_path):
    arms = [Arm(f"{m}{s}", m, Noise(s)) for s in (0.0, 0.5) for m in ("lfs", "tot-bfs")]
    games = study.items(["countdown-3"], arms, 4, seed=0, split="val", budget=None)
    told = [[outcome.value for outcome in study.run(order, tmp_path / name, show=False).outcomes()]
            for name, order in (("a", games), ("b", games[::-1]))]  # fmt: skip
    assert told[0] == told[1][::-1] and len(told[0]) == 16
    first, second = study.rows(study.run(games, tmp_path / "a", show=False).outcomes(), games)[:2]
    assert (first.arm, first.won.value, second.won.value) == ("lfs0.0", 1.0, 1.0)
    with pytest.raises(ConfigError, match="two arms are called 'x'"):
        study.items(["countdown-3"], [Arm("x", "lfs")] * 2, 1, seed=0, split="val", budget=None)
