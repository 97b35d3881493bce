import jax
import jax.numpy as jnp
import numpy as np

from cairn.core.keys import stream, uniforms

ROOT = jax.random.key(7)


def bits(key) -> tuple[int, ...]:
    return tuple(jax.random.key_data(key).tolist())


def test_names_counters_and_roots_give_different_keys():
    keys = [stream(root, name, i) for root in (ROOT, jax.random.key(8))
            for name in ("rollout", "draw") for i in range(3)]  # fmt: skip
    assert len({bits(key) for key in keys}) == len(keys)
    assert bits(stream(ROOT, "rollout")) == bits(stream(ROOT, "rollout", 0))


def test_a_traced_counter_gives_the_same_keys():
    traced = jax.vmap(lambda i: stream(ROOT, "draw", i))(jnp.arange(3))
    expected = [jax.random.key_data(stream(ROOT, "draw", i)) for i in range(3)]
    np.testing.assert_array_equal(jax.random.key_data(traced), np.stack(expected))


def test_the_key_of_a_name_is_the_same_in_every_process_and_release():
    # Recorded once: were it to change, no run could be resumed by a newer cairn or JAX.
    assert bits(stream(ROOT, "draw", 5)) == (1922400018, 3263929931)


def test_uniform_numbers_of_a_stream_do_not_depend_on_how_it_is_cut():
    key = stream(ROOT, "act")
    pieces = [uniforms(key, first, 128) for first in (0, 128, 256, 384)]
    np.testing.assert_array_equal(np.concatenate(pieces), jax.random.uniform(key, (512,)))
    wide = np.asarray(uniforms(key, 5, 3, (2,)))
    np.testing.assert_array_equal(wide[1:], uniforms(key, 6, 2, (2,)))
    assert wide.shape == (3, 2) and len(np.unique(wide)) == 6
