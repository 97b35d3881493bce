import jax
import jax.numpy as jnp
import numpy as np

from cairn.core import trees

A = {"x": jnp.arange(12.0).reshape(3, 4), "y": jnp.array([1, 2, 3])}
B = {"x": -jnp.arange(12.0).reshape(3, 4), "y": jnp.array([1, 5, 3])}


def test_take_gathers_the_same_rows_of_every_leaf():
    got = trees.take(A, jnp.array([[2, 0]]))
    np.testing.assert_array_equal(got["x"], np.asarray(A["x"])[[[2, 0]]])
    np.testing.assert_array_equal(got["y"], [[3, 1]])


def test_where_spreads_its_condition_over_trailing_axes():
    got = trees.where(jnp.array([True, False, True]), A, B)
    np.testing.assert_array_equal(got["x"][:, 1], [1, -5, 9])
    np.testing.assert_array_equal(got["y"], [1, 5, 3])
    whole = trees.where(jnp.array(False), A, B)
    np.testing.assert_array_equal(whole["x"], B["x"])


def test_concatenate_joins_every_leaf_along_the_axis():
    got = trees.concatenate([A, B, A])
    assert got["x"].shape == (9, 4)
    np.testing.assert_array_equal(got["y"], [1, 2, 3, 1, 5, 3, 1, 2, 3])
    wide = trees.concatenate([{"x": A["x"]}, {"x": B["x"]}], axis=1)
    assert wide["x"].shape == (3, 8)
    assert trees.concatenate([A]) is A


def test_rows_are_equal_only_if_all_leaves_are():
    assert trees.equal_rows(A, A).tolist() == [True, True, True]
    # Row 0 of -0.0, -1.0, ... differs in x; row 1 in both.
    assert trees.equal_rows(A, B).tolist() == [False, False, False]
    assert trees.equal_rows({"y": A["y"]}, {"y": B["y"]}).tolist() == [True, False, True]


def test_a_sealed_tree_is_arrays_alone_and_opens_to_what_it_was():
    tree = {"net": jnp.arange(3.0), "activation": jnp.tanh, "size": 4}
    sealed = trees.sealed(tree)
    assert [leaf.shape for leaf in jax.tree.leaves(sealed)] == [(3,)]
    opened = trees.opened(jax.jit(lambda tree: tree)(sealed))
    assert opened["activation"] is jnp.tanh and opened["size"] == 4
    np.testing.assert_array_equal(opened["net"], tree["net"])
    assert trees.sealed(A) is A and trees.opened(A) is A
