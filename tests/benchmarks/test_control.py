"""Steps of the control task a second: all tasks in one call against one environment after the other. `make benchmarks`.

The published training took 11.2 million steps in about 18 hours, 170 steps a second with the updates of its networks.
"""

import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

from pbdl_helpers.control import STEPS, BurgersControl, SingleBurgersControl, StableBaselines


def episode(env, actions):
    for _ in range(STEPS):
        env.step(actions)


@pytest.mark.benchmark(group="control of Burgers, one episode")
@pytest.mark.parametrize("tasks", [10, 100, 1000])
def test_one_call(benchmark, tasks):
    env = BurgersControl(tasks)
    env.reset(seed=0)
    benchmark(episode, env, np.zeros((tasks, 32)))
    benchmark.extra_info["steps a second"] = round(tasks * STEPS / benchmark.stats["median"])


@pytest.mark.benchmark(group="control of Burgers, one episode")
@pytest.mark.parametrize("tasks", [10, 100, 1000])
def test_stable_baselines(benchmark, tasks):
    env = StableBaselines(BurgersControl(tasks))
    env.seed(0)
    env.reset()
    benchmark(episode, env, np.zeros((tasks, 32)))
    benchmark.extra_info["steps a second"] = round(tasks * STEPS / benchmark.stats["median"])


@pytest.mark.benchmark(group="control of Burgers, one episode")
def test_one_after_the_other(benchmark):
    env = SyncVectorEnv([SingleBurgersControl] * 10)
    env.reset(seed=0)
    benchmark(episode, env, np.zeros((10, 32), np.float32))
    benchmark.extra_info["steps a second"] = round(10 * STEPS / benchmark.stats["median"])
