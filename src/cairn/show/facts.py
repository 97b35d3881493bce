"""What there is to say of a level, in words."""

from cairn.envs.protocol import Environment, Level


def described(env: Environment, level: Level) -> dict[str, str]:
    """Its facts as its space gives them."""
    facts = env.space.describe(level)
    return {n: f"{v:.4g}" if isinstance(v, float) else str(v) for n, v in facts.items()}
