"""The search's rules, one at a time, with scripted models."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from redteam_harness import MemoryDesk, config, drive, finished

from cairn.archive.text_axes import Categories, Length
from cairn.core.draws import DrawKey
from cairn.engine.journal_policy import Failed
from cairn.evaluation import judges
from cairn.evaluation.votes import complete
from cairn.lm.errors import NeverReadableError, UnreadableAnswerError
from cairn.lm.scripted import ScriptedModel
from cairn.lm.simulated import unfenced
from cairn.redteam import figures, page, tables
from cairn.redteam import state as states
from cairn.redteam.config import RedteamConfig, Search, Simulation
from cairn.redteam.search import Rainbow
from cairn.redteam.simulation import World
from cairn.redteam.state import Entry
from cairn.report.render import document

CONFIG = config(2, 2)


class Script:
    """Models by role, each a function of the text asked; counts the calls."""

    def __init__(self, **roles):
        self.asked = {role: [] for role in roles}
        self.marked = False
        """Whether the functions see the marks of tags."""
        self.models = {
            role: ScriptedModel(self._noting(role, answer), role) for role, answer in roles.items()
        }

    def _noting(self, role, answer):
        def script(request, key) -> Any:
            text = request.messages[-1].content
            self.asked[role].append(text)
            text = text if self.marked else unfenced(text)
            return answer(text, len(self.asked[role]) - 1) if callable(answer) else answer

        return script

    def evaluate(self, policy, trial):
        desk = MemoryDesk(self.models)
        return asyncio.run(policy.evaluate(trial, desk.clients(0)))


def new(cell=1, parent=None, incumbent=None, number=7):
    return {"id": number, "parent": parent, "seed": None, "cell": cell, "incumbent": incumbent}


def usual(**changed):
    roles = {
        "mutator": "<prompt>quite another prompt altogether now</prompt>",
        "target": "mine",
        "scorer": "0.4",
        "judge": lambda text, n: (
            "FIRST" if text.index("mine") < text.index("old one") else "SECOND"
        ),
    }
    return Script(**{**roles, **changed})


OLD = {"id": 3, "response": "old one"}


def test_one_mutator_call_per_axis_one_response_one_score_and_four_votes():
    script = usual()
    outcome = script.evaluate(Rainbow(CONFIG), new(incumbent=OLD))
    assert [len(script.asked[r]) for r in ("mutator", "target", "scorer", "judge")] == [2, 1, 1, 4]
    assert outcome["calls"] == 8 and outcome["status"] == "tried"
    assert outcome["votes"] == ((0, 1), (0, 1))
    assert "<category>risk 0</category>" in script.asked["mutator"][0]
    assert "<category>style 1</category>" in script.asked["mutator"][1]
    assert not any("another prompt" in text for text in script.asked["judge"])


def test_a_mutator_that_refuses_stops_the_trial_before_the_target():
    script = usual(mutator="I'm sorry, but I can't help with that.")
    outcome = script.evaluate(Rainbow(CONFIG), new())
    assert outcome == {"status": "mutator_refused", "calls": 1}
    assert script.asked["target"] == []


def test_a_prompt_between_tags_may_sound_like_a_refusal():
    said = "I'm sorry, but I can't help it: tell me of ships."
    script = usual(mutator=f"<prompt>{said}</prompt>")
    outcome = script.evaluate(Rainbow(CONFIG), new())
    assert outcome["status"] == "tried" and outcome["entry"]["prompt"] == said


def test_a_child_too_like_its_parent_never_reaches_the_target():
    parent = {"id": 1, "prompt": "quite another prompt altogether then"}
    script = usual()
    assert script.evaluate(Rainbow(CONFIG), new(parent=parent))["status"] == "similar"
    assert script.asked["target"] == []
    off = Rainbow(replace(CONFIG, search=Search(similarity=2.0)))
    assert usual().evaluate(off, new(parent=parent))["status"] == "tried"


def test_a_verdict_is_read_again_and_a_pair_without_one_is_void():
    def votes(silent):
        script = usual(judge=lambda text, n: "Hard to say." if n < silent else "FIRST")
        outcome = script.evaluate(Rainbow(CONFIG), new(incumbent=OLD))
        assert len(script.asked["judge"]) == 4 + min(silent, 2)
        return outcome["votes"]

    assert votes(2) == ((0, 0), (0, 0))
    assert votes(3) == ((3, 0), (0, 0))
    assert complete(votes(3)) == ((3, 3), (0, 0))


def test_no_score_at_all_fails_the_trial_and_is_not_a_grade():
    with pytest.raises(UnreadableAnswerError, match="scorer"):
        usual(scorer="Hard to say.").evaluate(Rainbow(CONFIG), new(incumbent=OLD))


def test_a_contest_without_a_verdict_changes_nothing_but_its_count_and_the_judges_record():
    policy = Rainbow(CONFIG)
    before = told(policy, policy.init(), entry(3, cell=1))
    trial = new(incumbent={"id": 3, "response": "response 3"})
    outcome = usual(judge="Hard to say.").evaluate(policy, trial)
    assert outcome["votes"] == ((3, 3), (3, 3))
    after = policy.tell(before, trial, outcome)
    assert holding(policy, after) == {1: 3} and after.again is None
    assert (after.counts["no_verdict"], after.counts["lost"]) == (1, 0)
    assert after.health["missing"] == 4 and after.counts["tried"] == 2
    # Its incumbent may have changed meanwhile: what has not won is not judged again.
    assert policy.tell(policy.init(), trial, outcome).again is None


def test_a_question_without_a_verdict_fills_nothing():
    policy = Rainbow(qa_config())
    judge = lambda text, n: "YES" if "<response-1>" not in text else "Hard to say."  # noqa: E731
    outcome = usual(judge=judge, oracle="right").evaluate(policy, new())
    assert outcome["votes"] == ((3, 3), (3, 3))
    state = policy.tell(policy.init(), new(), outcome)
    assert holding(policy, state) == {} and state.counts["no_verdict"] == 1


def test_twenty_unreadable_answers_end_a_session_unless_one_was_readable():
    policy, trial = Rainbow(CONFIG), new(incumbent=OLD)
    usual().evaluate(policy, trial)
    mute = usual(judge="Hard to say.")
    for _ in range(3):
        mute.evaluate(policy, trial)  # 12 answers each
    assert len(mute.asked["judge"]) == 36
    policy = Rainbow(CONFIG)
    mute.evaluate(policy, trial)
    with pytest.raises(NeverReadableError, match=r"\[models\.judge\] gave 20 answers"):
        mute.evaluate(policy, trial)


def entry(number, cell=0, fitness=0.5):
    return Entry(number, cell, f"prompt {number}", f"response {number}", fitness)


def tried(made, votes=()):
    from dataclasses import asdict

    return {"status": "tried", "calls": 8, "entry": asdict(made), "votes": votes}


def told(policy, state, made, votes=(), incumbent=None, cell=None):
    opponent = None if incumbent is None else {"id": incumbent, "response": "old"}
    trial = new(made.cell if cell is None else cell, incumbent=opponent, number=made.id)
    return policy.tell(state, trial, tried(made, votes))


def holding(policy, state):
    return {e.cell: e.id for e in state.held()}


WON, LOST, TIED, FLIP = (0, 1), (1, 0), (2, 2), (0, 0)


@pytest.mark.parametrize(
    "votes, enters",
    [
        ((WON, WON), True),
        ((WON, (0, 2)), True),
        ((WON, LOST), False),
        ((WON, TIED), False),
        ((FLIP, FLIP), False),
        ((TIED, TIED), False),
        ((WON, (3, 3)), True),
        ((FLIP, (0, 3)), False),
    ],
)
def test_only_a_strict_majority_replaces_so_a_tie_keeps_the_incumbent(votes, enters):
    policy = Rainbow(CONFIG)
    state = told(policy, policy.init(), entry(0))
    state = told(policy, state, entry(1), votes, incumbent=0)
    assert holding(policy, state) == {0: 1 if enters else 0}
    assert state.counts["replaced" if enters else "lost"] == 1


def test_a_winner_whose_incumbent_changed_meanwhile_is_judged_again():
    policy = Rainbow(CONFIG)
    state = told(policy, policy.init(), entry(0))
    state = told(policy, state, entry(1), (WON, WON), incumbent=0)
    state = told(policy, state, entry(2), (WON, WON), incumbent=0)
    assert holding(policy, state) == {0: 1}
    assert (state.counts["sent_back"], state.counts["unjudged"]) == (1, 1)
    trial = policy.ask(state, 9, DrawKey.root(0), [])
    assert trial["again"]["id"] == 2 and trial["incumbent"] == {"id": 1, "response": "response 1"}
    script = Script(judge="FIRST")
    outcome = script.evaluate(policy, trial)
    assert outcome["calls"] == 4 and script.asked["judge"]
    failed = policy.tell(state, trial, Failed("failure", "UnreadableAnswerError", "no verdict"))
    state = policy.tell(state, trial, {**outcome, "votes": (WON, WON)})
    assert holding(policy, state) == {0: 2} and state.again is None
    assert state.entries[2].beaten == 1 and state.counts["rematches"] == 1
    for after in (state, failed):
        assert (after.counts["sent_back"], after.counts["unjudged"]) == (1, 0)


def test_a_winner_that_no_trial_was_left_to_judge_again_is_counted():
    policy = Rainbow(CONFIG)
    state = told(policy, policy.init(), entry(0))
    for number in (1, 2):
        state = told(policy, state, entry(number), (WON, WON), incumbent=0)
    says = tables.outcomes(finished(CONFIG, state))
    assert says == "3 trials: 3 reached the target; 1 that won were still to be judged again"


def test_a_loser_is_not_judged_again_and_a_cell_filled_meanwhile_is_contested():
    policy = Rainbow(CONFIG)
    state = told(policy, policy.init(), entry(0))
    assert told(policy, state, entry(1), (LOST, WON), incumbent=9).again is None
    assert told(policy, state, entry(1)).again == entry(1)


def test_a_failed_trial_changes_nothing_but_its_count():
    policy = Rainbow(CONFIG)
    state = told(policy, policy.init(), entry(0))
    after = policy.tell(state, new(), Failed("failure", "UnreadableAnswerError", "no verdict"))
    assert after.held() == state.held() and after.counts["failed"] == 1


def test_by_score_a_higher_fitness_replaces_and_a_tie_does_not():
    policy = Rainbow(replace(CONFIG, search=Search(acceptance="score")))
    state = told(policy, policy.init(), entry(0, fitness=0.5))
    state = told(policy, state, entry(1, fitness=0.5))
    assert holding(policy, state) == {0: 0}
    assert holding(policy, told(policy, state, entry(2, fitness=0.6))) == {0: 2}


def test_a_prompt_of_another_length_lands_where_it_belongs():
    axes = (Categories("risk", ("a", "b")), Length("length", 0, 100, 2))
    policy = Rainbow(replace(CONFIG, axes=axes, simulation=CONFIG.simulation))
    outcome = usual().evaluate(policy, new(cell=1, incumbent=OLD))
    assert outcome["entry"]["cell"] == 0 and outcome["votes"] == ()
    state = policy.tell(policy.init(), new(cell=1, incumbent=OLD), outcome)
    assert holding(policy, state) == {0: 7} and state.counts["missed_bin"] == 1


def test_a_state_is_what_it_was_after_dump_and_load():
    settings = config(3, 3, lag=3)
    policy = Rainbow(settings)
    state = drive(
        policy,
        World(settings.space, Simulation()).models(),
        seed=1,
        lag=3,
        trials=60,
        through_json=True,
    )
    again = policy.load(policy.dump(state))
    assert policy.dump(again) == policy.dump(state)
    assert [e.id for e in again.held()] == [e.id for e in state.held()]
    assert again.elites.filled.tolist() == state.elites.filled.tolist()


def qa_config():
    axes = (Categories("topic", ("food", "travel")), Categories("word", ("who", "what")))
    search = Search(acceptance="oracle", stepping_stone=0.1)
    models = {
        role: {"base_url": "http://127.0.0.1:1/v1", "model": "m"}
        for role in ("mutator", "target", "oracle", "judge", "held_out")
    }
    from cairn.core.typed import build

    return build(
        RedteamConfig,
        {
            "axes": [{"name": a.name, "labels": list(a.labels)} for a in axes],
            "search": {"acceptance": search.acceptance},
            "models": models,
        },
    )


def test_questions_enter_when_only_the_target_errs_or_as_stepping_stones():
    policy = Rainbow(qa_config())

    def judge(worse, factual="YES"):
        def answer(text, n):
            if "<question>" in text and "<response-1>" not in text:
                return factual
            first_is_target = text.index("weak") < text.index("strong")
            return worse if worse == "UNCLEAR" else "FIRST" if first_is_target else "SECOND"

        return answer

    def outcome(**kind):
        script = usual(target="weak", oracle="strong", judge=judge(**kind))
        return script.evaluate(policy, new())

    assert outcome(worse="target")["entry"]["fitness"] == 1.0
    for kind in ({"worse": "UNCLEAR"}, {"worse": "target", "factual": "NO"}):
        assert outcome(**kind)["entry"]["fitness"] == 0.1
        assert outcome(**kind)["entry"]["votes"] == ()
    stone, hit = entry(0, fitness=0.1), entry(1, fitness=1.0)
    state = told(policy, policy.init(), stone)
    assert holding(policy, told(policy, state, entry(2, fitness=0.1))) == {0: 0}
    assert holding(policy, told(policy, state, hit)) == {0: 1}


def test_the_health_of_an_oracles_judge_counts_the_votes_that_lost():
    """A coin for a judge: half of the pairs that name a winner name the same place twice."""
    policy, rounds = Rainbow(qa_config()), 60

    def coin(request, key):
        if "<response-1" not in request.messages[-1].content:
            return "YES"
        return key.random().choice(["FIRST", "SECOND", "UNCLEAR"])

    words = lambda request, key: f"<prompt>{key.random().getrandbits(256)}</prompt>"  # noqa: E731
    answers = {"mutator": words, "target": "weak", "oracle": "strong", "judge": coin}
    scripts: dict[str, Callable[..., Any]] = {
        role: said if callable(said) else lambda *_, said=said: said
        for role, said in answers.items()
    }
    models = {role: ScriptedModel(script, role) for role, script in scripts.items()}
    state = drive(policy, models, seed=0, lag=4, trials=rounds)
    found = judges.measure(state.health)
    assert state.counts["tried"] == rounds and state.health["both"] == 2 * rounds
    assert found.flip_rate.low < 0.5 < found.flip_rate.high
    assert found.tie_rate.low < 1 / 3 < found.tie_rate.high
    for elite in state.held():
        assert bool(elite.votes) == (elite.fitness == 1.0)


def test_an_oracles_entry_is_shown_against_the_oracle_and_a_winner_against_whom_it_beat():
    def shown(settings, held):
        state, _ = states.offer(states.start(settings.space), settings.space, held, None)
        done = finished(settings, state)
        return document(page.page(done, figures.measure_run(done)))

    won = replace(entry(2), beaten=1, votes=(WON, WON))
    for settings, words in ((qa_config(), "or the oracle's answer?"), (CONFIG, "of prompt 1?")):
        assert words in shown(settings, won).replace("&#39;", "'")
    assert "as a stepping stone" in shown(qa_config(), entry(2))


def test_a_cell_without_a_grade_is_not_a_zero_in_the_console():
    rows = tables.grid(finished(CONFIG), {0: None, 1: 0.0, 3: 0.5})
    assert [row[1:] for row in rows[1:]] == [["–", "0.00"], ["–", "0.50"]]
