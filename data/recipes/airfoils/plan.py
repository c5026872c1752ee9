"""The cases of the data set `airfoils`: always the same ones, in the same order."""

import functools
import json
from pathlib import Path

import numpy as np
import profiles

SEED = 0
TRAINING, TEST = 400, 60  # samples wanted
CANDIDATES = {"training": 600, "test": 100}  # cases planned, since some will be rejected
SPEED = (10.0, 100.0)  # m/s
ANGLE = (-22.5, 22.5)  # degrees


@functools.cache
def cases() -> list[dict]:
    """Returns the planned cases; each test case has a profile of its own that no other case has."""
    random = np.random.default_rng(SEED)
    names = random.permutation(fit_profiles())
    test, training = names[: CANDIDATES["test"]], names[CANDIDATES["test"] :]
    chosen = [("test", name) for name in test]
    chosen += [("training", name) for name in random.choice(training, CANDIDATES["training"])]
    order = random.permutation(len(chosen))  # a stopped run has cases of both splits
    return [
        {
            "split": chosen[i][0],
            "profile": str(chosen[i][1]),
            "speed": float(random.uniform(*SPEED)),
            "angle": float(random.uniform(*ANGLE)),
        }
        for i in order
    ]


def fit_profiles() -> list[str]:
    """Returns the names of usable profiles; the list is kept beside this file, so that each case starts at once."""
    path = Path(__file__).with_name("profiles.json")
    if not path.is_file():
        path.write_text(json.dumps(profiles.names()), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))
