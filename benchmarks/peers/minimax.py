"""minimax, timed from outside by `cairn bench` (src/cairn/bench/serve.py says how to run it alone).

Needs an environment of its time: Python 3.11, jax and jaxlib 0.4.31, flax 0.8.5, optax 0.2.3,
chex 0.1.86, numpy 1.25, scipy below 1.13, pandas 1.5.3, tensorflow_probability 0.23.0, wandb,
ipython, GitPython, tqdm; and minimax 0.2.0, installed or as a checkout. No shim is needed.

Its own runner, configured by its own command-line parser from the flags of its `dr.json`, but for
25 walls, or of its `paired.json`; and (but for `dr-metrics`) without the shortest paths it computes
for its plots. `population-paired` is its PAIRED with more students and `population_regret`.

What is not the same work as cairn's: in domain randomisation every episode plays a new level; the
heads end in tanh, and embeddings have no bias (5 parameters fewer, 20 of a teacher). In PAIRED all
memories go on from cycle to cycle.
"""

import os
import sys

PACKAGES = ("jax", "jaxlib", "flax", "optax", "tensorflow-probability", "chex")

FLAGS = {
    "train_runner": "dr",
    "n_students": 1,
    "n_eval": 1,
    "lr": 1e-4,
    "lr_anneal_steps": 0,
    "max_grad_norm": 0.5,
    "adam_eps": 1e-5,
    "discount": 0.995,
    "n_unroll_rollout": 10,
    "student_gae_lambda": 0.98,
    "student_entropy_coef": 1e-3,
    "student_value_loss_coef": 0.5,
    "student_n_unroll_update": 5,
    "student_ppo_n_epochs": 5,
    "student_ppo_n_minibatches": 1,
    "student_ppo_clip_eps": 0.2,
    "student_ppo_clip_value_loss": True,
    "student_recurrent_arch": "lstm",
    "student_recurrent_hidden_dim": 256,
    "student_hidden_dim": 32,
    "student_n_hidden_layers": 1,
    "student_n_conv_filters": 16,
    "student_n_scalar_embeddings": 4,
    "student_scalar_embed_dim": 5,
    "maze_height": 13,
    "maze_width": 13,
    "maze_n_walls": 25,
    "maze_replace_wall_pos": True,
    "maze_see_agent": False,
    "maze_normalize_obs": True,
    "maze_max_episode_steps": 250,
}

PAIRED = {
    "train_runner": "paired",
    "ued_score": "relative_regret",
    "teacher_discount": 0.995,
    "teacher_lr_anneal_steps": 0,
    "teacher_gae_lambda": 0.98,
    "teacher_entropy_coef": 0.05,
    "teacher_value_loss_coef": 0.5,
    "teacher_n_unroll_update": 5,
    "teacher_ppo_n_epochs": 5,
    "teacher_ppo_n_minibatches": 1,
    "teacher_ppo_clip_eps": 0.2,
    "teacher_ppo_clip_value_loss": True,
    "teacher_model_name": "default_teacher_cnn",
    "teacher_recurrent_arch": "lstm",
    "teacher_recurrent_hidden_dim": 256,
    "teacher_hidden_dim": 32,
    "teacher_n_hidden_layers": 1,
    "teacher_n_conv_filters": 128,
    "teacher_scalar_embed_dim": 10,
    "maze_n_walls": 60,
    "maze_replace_wall_pos": False,
    "maze_ued_replace_wall_pos": True,
    "maze_ued_fixed_n_wall_steps": True,
    "maze_ued_first_wall_pos_sets_budget": False,
    "maze_ued_noise_dim": 50,
    "maze_ued_n_walls": 60,
    "maze_ued_set_agent_dir": False,
    "maze_ued_normalize_obs": True,
}


def setup(checkout):
    """Where minimax is found."""
    if checkout:
        sys.path.insert(0, os.path.join(checkout, "src"))


def prepare(request):
    """The work called `request["name"]`."""
    return stepping(request) if request["name"] == "env" else training(request)


def training(request):
    """Updates of domain randomisation, or of PAIRED with some number of students."""
    import jax

    envs, length, amount = request["envs"], request["length"], request["amount"]
    name, taught = request["name"], "students" in request
    flags = FLAGS | {"n_parallel": envs, "n_rollout_steps": length}
    flags |= {"track_env_metrics": name == "dr-metrics"}
    students = request.get("students", 1)
    if taught:
        flags |= PAIRED | {"n_students": students, "teacher_n_conv_filters": request["filters"]}
        flags |= {"ued_score": "population_regret"} if name == "population-paired" else {}
    runner = made(flags)
    carry = [runner.runner.reset(jax.random.PRNGKey(request.get("seed", 0)))]

    def run():
        for _ in range(amount):
            stats, _, *carry[0] = runner.step(carry[0], False)
        jax.block_until_ready((stats, carry[0]))

    def count():
        cycles = int(carry[0][1].n_iters.max())
        steps = {"training": students * cycles * envs * length}
        if taught:
            steps["designing"] = cycles * envs * runner.runner.teacher_n_rollout_steps
        return steps

    learners = [part for part in carry[0] if hasattr(part, "params")]
    leaves = jax.tree_util.tree_leaves([learner.params for learner in learners])
    return {"parameters": sum(leaf.size for leaf in leaves), "run": run, "count": count}


def made(flags):
    """Its runner, as its command line makes it."""
    from minimax.arguments import parser
    from minimax.runners import ExperimentRunner

    arguments, sys.argv = sys.argv, ["train", *(f"--{n}={v}" for n, v in flags.items())]
    try:
        args = parser.parse_args()
    finally:
        sys.argv = arguments
    taught = flags["train_runner"] == "paired"
    teacher = {
        "teacher_model_name": args.teacher_model_name,
        "ued_env_kwargs": args.ued_env_args,
        "teacher_rl_kwargs": args.teacher_rl_args,
        "teacher_model_kwargs": args.teacher_model_args,
    }
    return ExperimentRunner(
        train_runner=args.train_runner,
        env_name=args.env_name,
        agent_rl_algo=args.agent_rl_algo,
        student_model_name=args.student_model_name,
        train_runner_kwargs=args.train_runner_args,
        env_kwargs=args.env_args,
        student_rl_kwargs=args.student_rl_args,
        student_model_kwargs=args.student_model_args,
        eval_kwargs=args.eval_args,
        eval_env_kwargs=args.eval_env_args,
        n_devices=1,
        **(teacher if taught else {}),
    )


def stepping(request):
    """The mazes and actions on file; an ended episode restarts on the same level."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from minimax import envs as environments
    from minimax.envs.maze.common import EnvInstance

    with np.load(request["mazes"]) as file:
        walls, agent, heading, goal, actions = (
            jnp.asarray(file[name]) for name in ("walls", "agent", "heading", "goal", "actions")
        )
    (length, envs), amount = actions.shape, request["amount"]
    height, width = walls.shape[1:]
    settings = {"height": height, "width": width, "normalize_obs": True}
    env, _ = environments.make("Maze", env_kwargs=settings)
    keys = jax.random.split(jax.random.PRNGKey(0), envs)
    levels = EnvInstance(
        agent_pos=agent.astype(jnp.uint32),
        agent_dir_idx=heading.astype(jnp.uint8),  # as its own generator has it
        goal_pos=goal.astype(jnp.uint32),
        wall_map=walls,
    )
    observation, start = jax.vmap(env.set_env_instance)(levels)
    step = jax.vmap(lambda k, s, a, again: env.step(k, s, a, reset_state=again))

    def one(carry, action):
        state, _, total, ended = carry
        observation, state, reward, done, _ = step(keys, state, action, start)
        return (state, observation, total + reward, ended + done), None

    advance = jax.jit(lambda carry: jax.lax.scan(one, carry, actions)[0])
    carry = [(start, observation, jnp.zeros(envs), jnp.zeros(envs, jnp.int32))]
    steps = [0]

    def run():
        for _ in range(amount):
            carry[0] = advance(carry[0])
        jax.block_until_ready(carry[0])
        steps[0] += amount * length * envs

    def outcome():
        total, ended = map(np.asarray, carry[0][-2:])
        return {"episodes": int(ended.sum()), "reward": float(total.sum(dtype=float))}

    count = lambda: {"steps": steps[0]}  # noqa: E731
    return {"parameters": 0, "run": run, "count": count, "outcome": outcome}
