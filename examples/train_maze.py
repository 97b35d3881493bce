"""Train on mazes, stop, go on, and read what was measured."""

import sys
from pathlib import Path

import cairn


def main(run: Path, **settings: object) -> None:
    # Any flag of `cairn train maze` is a setting here.
    experiment = cairn.experiment("maze", method="dr", **settings)
    cairn.train(experiment, run, say=print)
    outcome = cairn.resume(run)  # nothing left to do here; after a kill it goes on
    for line in outcome.directory.metrics():
        print(line["cycle"], line["ledger"]["training"], line["metrics"]["solve_rate"])
    print("Fingerprint of the run:", cairn.digest(run))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/example"))
