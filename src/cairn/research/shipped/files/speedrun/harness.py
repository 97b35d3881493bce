"""Trains, counts the operations on arrays, and writes down the predictions.

The count goes by what NumPy is asked to do with arrays that come from the images: a product of
matrices is 2·m·n·k, anything else one operation for each number in or out, whichever is more.
"""

import json

import numpy as np

COUNT = {"flops": 0}


class Counted(np.ndarray):
    """An array whose operations are counted."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        plain = [x.view(np.ndarray) if isinstance(x, Counted) else x for x in inputs]
        if out is not None:
            options["out"] = tuple(x.view(np.ndarray) if isinstance(x, Counted) else x for x in out)
        result = getattr(ufunc, method)(*plain, **options)
        sizes = [np.size(x) for x in plain] + [np.size(result)]
        inner = plain[0].shape[-1] if ufunc is np.matmul else 0
        COUNT["flops"] += 2 * np.size(result) * inner if inner else max(sizes)
        if out is not None:
            return out[0] if len(out) == 1 else out
        return result.view(Counted) if isinstance(result, np.ndarray) else result

    def __array_function__(self, function, types, args, kwargs):
        before = COUNT["flops"]
        result = super().__array_function__(function, types, args, kwargs)
        if COUNT["flops"] == before:
            arrays = [x for x in (*args, result) if isinstance(x, np.ndarray)]
            inner = 1
            if function in (np.dot, np.inner, np.einsum, np.tensordot):
                inner = 2 * max(x.shape[-1] for x in arrays if x.ndim)
            elif function.__module__ == "numpy.linalg":
                inner = max(min(x.shape) for x in arrays if x.ndim)
            COUNT["flops"] += inner * max((x.size for x in arrays), default=1)
        return result


def main():
    """Run the program."""
    import program  # pyright: ignore[reportMissingImports]

    x = np.loadtxt("train/images.csv", delimiter=",") / 16
    labels = np.loadtxt("train/labels.csv", dtype=int)
    new = np.loadtxt("inputs/images.csv", delimiter=",") / 16
    found = program.train(x.view(Counted), labels, new.view(Counted))
    table = np.asarray(found, float).view(np.ndarray)
    with open("predictions.json", "w") as file:
        json.dump({"flops": COUNT["flops"], "rows": np.round(table, 5).tolist()}, file)


main()
