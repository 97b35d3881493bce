"""The cast of a run: servers and applications from the config, or the simulated world."""

from collections.abc import Mapping
from contextlib import asynccontextmanager

from cairn.core.errors import ConfigError
from cairn.core.redact import Redactor
from cairn.lm.client import Role
from cairn.lm.endpoint import Endpoint
from cairn.lm.prices import Price
from cairn.redteam.config import RedteamConfig
from cairn.redteam.models import Application, Model
from cairn.redteam.simulation import World

FREE = Price(0.0, 0.0)


def cast(config: RedteamConfig) -> dict[str, Role]:
    """A role per model. Roles at the same server with the same model share one endpoint.

    Raises ConfigError for a key or an application that is missing.
    """
    if config.simulation is not None:
        models = World(config.space, config.simulation).models()
        return {name: Role(Endpoint(models[name]), FREE) for name in config.roles}
    endpoints: dict[tuple, Endpoint] = {}
    roles = {}
    for name in config.roles:
        model = config.models[name]
        place = _place(model)
        if place not in endpoints:
            try:
                endpoints[place] = model.endpoint()
            except ConfigError as error:
                raise ConfigError(f"[models.{name}]: {error}") from None
        roles[name] = Role(endpoints[place], model.price, model.limits.limits())
    return roles


def redactor(roles: Mapping[str, Role]) -> Redactor:
    """Takes the keys of all servers out of a text."""
    both = Redactor()
    for role in roles.values():
        if isinstance(role.endpoint.redact, Redactor):
            both = both.also(role.endpoint.redact)
    return both


@asynccontextmanager
async def company(config: RedteamConfig):
    """The cast, with its connections closed at the end."""
    roles = cast(config)
    try:
        yield roles
    finally:
        for endpoint in {id(role.endpoint): role.endpoint for role in roles.values()}.values():
            await endpoint.close()


def _place(model: Model | Application) -> tuple:
    if isinstance(model, Application):
        return (model.function, model.slots, model.timeout_s)
    return (
        model.address, model.model, model.api_key_env, model.api, model.tokens_field,
        model.slots, model.requests_per_minute, model.timeout_s,
    )  # fmt: skip
