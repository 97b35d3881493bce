"""What every test runs under: checked shapes, strict dtypes, quick compilation, a budget."""

import gc
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings

import compiling
from budgets import Budgets

# Derandomised: the same examples in every run. No deadline: the first example compiles.
settings.register_profile("cairn", deadline=None, derandomize=True, max_examples=50, database=None)
settings.load_profile("cairn")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two switches of docs/testing.md."""
    group = parser.getgroup("cairn")
    group.addoption("--slow", action="store_true", help="also tests of more than 2 CPU-seconds")
    group.addoption("--as-users", action="store_true", help="compile as users do, not quickly")


def pytest_configure(config: pytest.Config) -> None:
    """Before any test file is imported, and so before JAX is."""
    # Tracing makes millions of small objects that live; looking through them again and again for
    # cycles took a tenth of the suite.
    gc.set_threshold(50_000, 10, 10)
    compiling.apply(as_users=config.option.as_users)
    import jax

    import typecheck

    jax.config.update("jax_numpy_dtype_promotion", "strict")
    jax.config.update("jax_numpy_rank_promotion", "raise")
    # Every annotated function of cairn checks its arguments and results while tests run.
    typecheck.install()
    # What is named runs, slow or not. To workers everything is named: they are told.
    told = getattr(config, "workerinput", None)
    if told is not None:
        config.option.slow = told["slow"]
    elif config.args_source == pytest.Config.ArgsSource.ARGS:
        config.option.slow = True
    config.pluginmanager.register(Budgets(config), "budgets")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Of xdist: before a worker starts."""
    node.workerinput["slow"] = node.config.option.slow


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out slow tests in the inner loop; skip what proves nothing as it compiles now."""
    if not config.option.slow:
        slow = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if item not in set(slow)]
        config.hook.pytest_deselected(items=slow)
    # Files with most slow tests first: the last ones are short, and both cores end together.
    slow_in = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow_in[item.path])
    if not config.option.as_users:
        skip = pytest.mark.skip(reason="compiles as users do: add --as-users")
        for item in items:
            if item.get_closest_marker("as_users"):
                item.add_marker(skip)
