import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3 import PPO
from stable_baselines3.common import env_checker

from pbdl_helpers.control import (
    DT,
    NU,
    STEPS,
    BurgersControl,
    Cases,
    SingleBurgersControl,
    StableBaselines,
    TravellingJet,
    advance,
    draw_cases,
    jet,
)


def cases(count=4, seed=0):
    return draw_cases(count, torch.Generator().manual_seed(seed))


def total_reward(env, actions):
    """Returns the sum of rewards of one episode with the same actions in each step."""
    env.reset(seed=0)
    return sum(env.step(actions)[1] for _ in range(env.steps))


def test_agrees_with_phiflow():
    from phi.flow import Box, CenteredGrid, advect, diffuse, extrapolation, spatial
    from phi.flow import math as phi_math

    tasks = cases(1)
    env = BurgersControl(1, cases=tasks)
    env.reset()
    forces = np.random.default_rng(0).standard_normal((5, 1, 32)).astype(np.float32)
    domain = {"bounds": Box(x=(0, 1)), "extrapolation": extrapolation.PERIODIC}
    grid = CenteredGrid(phi_math.tensor(tasks.start[0].numpy(), spatial("x")), **domain)
    for force in forces:
        grid = diffuse.explicit(grid, NU, DT)
        grid = advect.semi_lagrangian(grid, grid, DT)
        grid = grid + DT * CenteredGrid(phi_math.tensor(force[0], spatial("x")), **domain)
        observation = env.step(force)[0]
    np.testing.assert_allclose(observation[0, 0], grid.values.numpy("x"), atol=1e-5)


def test_checkers_of_gymnasium_and_stable_baselines_pass():
    with pytest.warns(UserWarning, match="infinity"):  # velocities have no bounds
        check_env(SingleBurgersControl())
    with pytest.warns(UserWarning, match="unconventional shape"):  # three channels on a line
        env_checker.check_env(SingleBurgersControl())


def test_advance_is_differentiable_in_both():
    u, force = (torch.randn(8, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(advance, (u, force))


def test_the_force_that_made_the_target_reaches_it_and_costs_only_itself():
    tasks = cases()
    rewards = total_reward(BurgersControl(4, cases=tasks), tasks.force.numpy())
    np.testing.assert_allclose(rewards, -STEPS * tasks.force.square().sum(1), rtol=1e-5)


def test_the_error_at_the_target_counts_at_the_end():
    tasks = cases()
    end = tasks.start
    for _ in range(STEPS):
        end = advance(end, 0.0)
    error = (tasks.target - end).square().sum(1)
    nothing = np.zeros((4, 32))
    np.testing.assert_allclose(total_reward(BurgersControl(4, cases=tasks), nothing), -STEPS / DT**2 * error, rtol=1e-5)
    np.testing.assert_allclose(total_reward(BurgersControl(4, cases=tasks, weight=7.0), nothing), -7 * error, rtol=1e-5)


def test_tasks_together_as_each_alone():
    tasks = cases()
    forces = np.random.default_rng(0).standard_normal((STEPS, 4, 32)).astype(np.float32)
    together = BurgersControl(4, cases=tasks)
    together.reset()
    all_results = [together.step(force) for force in forces]
    for i in range(4):
        alone = SingleBurgersControl(cases=Cases(*(field[i : i + 1] for field in tasks)))
        alone.reset()
        for (observations, rewards, ends, _, infos), force in zip(all_results, forces, strict=True):
            observation, reward, ended, _, _ = alone.step(force[i])
            np.testing.assert_array_equal(observation, infos.get("final_obs", observations)[i])
            assert (reward, ended) == (pytest.approx(rewards[i]), ends[i])


def test_new_tasks_start_in_the_step_that_ends_the_old_ones():
    env = BurgersControl(3)
    first, _ = env.reset(seed=1)
    for i in range(STEPS):
        observations, _, ends, stopped, infos = env.step(np.zeros((3, 32)))
        assert ends.all() == (i == STEPS - 1) and not stopped.any()
    assert (infos["final_obs"][:, 2] == 1).all() and (observations[:, 2] == 0).all()
    np.testing.assert_array_equal(infos["final_obs"][:, 1], first[:, 1])  # the target is still the old one
    assert abs(observations[:, :2] - first[:, :2]).max() > 0.1  # other tasks


def test_same_seed_same_tasks():
    a, b, c = (BurgersControl(2).reset(seed=seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(a, b)
    assert abs(a - c).max() > 0.1


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.full((2, 32), np.nan), "diverged"),
        (np.full((2, 32), np.inf), "diverged"),
        (np.zeros((2, 31)), "shape"),
        (np.zeros(32), "shape"),
        (np.full((2, 32), -20.5), "exceeds the limit of 20"),
    ],
)
def test_bad_actions(actions, message):
    env = BurgersControl(2)
    before, _ = env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(actions)
    np.testing.assert_array_equal(env.observe(), before)  # nothing was moved


def test_bad_settings():
    for name in ("num_envs", "cells", "steps", "dt", "limit", "weight"):
        for bad in (0, -1.0) + ((float("nan"),) if name in ("dt", "limit", "weight") else (1.5,)):
            with pytest.raises(ValueError, match=name):
                BurgersControl(**{"num_envs": 2, name: bad})
    with pytest.raises(ValueError, match="32-bit"):
        BurgersControl(4, cases=Cases(*(field.double() for field in cases(4))))
    with pytest.raises(ValueError, match="shape"):
        BurgersControl(3, cases=cases(4))
    with pytest.raises(ValueError, match="at least one"):
        draw_cases(0, torch.Generator())
    with pytest.raises(ValueError, match="reset"):
        BurgersControl(2).step(np.zeros((2, 32)))


def test_stable_baselines_adapter():
    env = StableBaselines(BurgersControl(3))
    env.seed(5)
    first, second = env.reset(), env.reset()
    np.testing.assert_array_equal(first, BurgersControl(3).reset(seed=5)[0])
    assert abs(first - second).max() > 0.1  # the seed holds for one reset
    for _ in range(STEPS):
        _, _, ends, infos = env.step(np.zeros((3, 32)))
    assert ends.all() and all((info["terminal_observation"][2] == 1).all() for info in infos)
    assert env.get_attr("nu", indices=[0, 2]) == [NU, NU] and env.env_is_wrapped(object) == [False] * 3
    env.set_attr("nu", 0.01)
    assert env.env.nu == 0.01 and len(env.env_method("observe")) == 3
    env.close()


def test_stable_baselines_adapter_wants_new_tasks_at_once():
    env = BurgersControl(2)
    env.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}
    with pytest.raises(ValueError, match="new episodes"):
        StableBaselines(env)


def test_ppo_runs_on_it():
    env = StableBaselines(BurgersControl(4))
    agent = PPO("MlpPolicy", env, n_steps=STEPS, batch_size=64, n_epochs=1, seed=0, device="cpu").learn(4 * STEPS)
    assert agent.num_timesteps == 4 * STEPS and agent.predict(env.reset())[0].shape == (4, 32)


def test_jet_moves_and_blows():
    tasks = cases(9)
    env = TravellingJet(9, cases=tasks, strength=2.0)
    env.reset()
    observation = env.step(np.arange(9))[0]
    moves, blows = torch.arange(9) // 3 - 1.0, torch.arange(9) % 3 - 1.0
    shapes = jet(16 + moves)
    np.testing.assert_array_equal(observation[:, 3], shapes)
    expected = advance(tasks.start, 2 * blows[:, None] * shapes)
    np.testing.assert_allclose(observation[:, 0], expected, atol=1e-6)
    assert shapes.argmax(1).tolist() == [15] * 3 + [16] * 3 + [17] * 3
    for _ in range(STEPS - 2):
        env.step(np.zeros(9, dtype=int))
    assert env.place.tolist() == ((16 + moves - (STEPS - 2)) % 32).tolist()  # through the end of the domain
    reward, last = env.step(np.full(9, 4))[1], env.cases.target
    assert (reward < 0).all() and last is tasks.target


def test_jet_pays_for_the_error_only():
    tasks = cases()
    nothing = total_reward(TravellingJet(4, cases=tasks), np.full(4, 4))
    np.testing.assert_allclose(nothing, total_reward(BurgersControl(4, cases=tasks), np.zeros((4, 32))), rtol=1e-6)


def test_jet_is_periodic_and_differentiable_in_its_place():
    np.testing.assert_allclose(jet(torch.tensor(0.0)), jet(torch.tensor(16.0)).roll(16), atol=1e-6)
    assert torch.autograd.gradcheck(jet, (torch.tensor([3.3, 30.9], dtype=torch.float64, requires_grad=True),))


@pytest.mark.parametrize(("actions", "message"), [([0, 9], "0 to 8"), ([0.5, 1], "0 to 8"), ([1], "shape")])
def test_bad_actions_of_the_jet(actions, message):
    env = TravellingJet(2)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(actions)
