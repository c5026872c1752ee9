r"""Control of Burgers' equation by a force in each cell, as a Gymnasium vector environment over batched torch.

.. math:: u_{t+1} = \mathcal P(u_t) + \Delta t\, f_t, \qquad t = 0, \dots, n - 1,

with one time step :math:`\mathcal P` of :mod:`pbdl_helpers.burgers` on :math:`x \in [0, 1]`, periodic. The task: reach
the target :math:`u^*` at the end with little force.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from pbdl_helpers import burgers

__all__ = [
    "BurgersControl",
    "Cases",
    "SingleBurgersControl",
    "StableBaselines",
    "TravellingJet",
    "advance",
    "draw_cases",
    "jet",
]

CELLS = 32
STEPS = 32
DT = 0.03
NU = 0.003


class Cases(NamedTuple):
    """Tasks: where the velocity starts, where it shall end, and a force that takes it there.

    Attributes:
        start: velocities at the first frame, shape ``(batch, cells)``.
        target: velocities at the last frame, shape ``(batch, cells)``.
        force: the force that made the target, constant in time, shape ``(batch, cells)``.
    """

    start: Tensor
    target: Tensor
    force: Tensor


def advance(u: Tensor, force: Tensor | float, *, dt: float = DT, nu: float = NU) -> Tensor:
    r"""Returns :math:`\mathcal P(u) + \Delta t\, f`, shape ``(..., cells)``: differentiable in both.

    Args:
        u: velocity, shape ``(..., cells)``, in lengths of the domain a time unit.
        force: force :math:`f`, acceleration of each cell, same shape.
        dt: time step :math:`\Delta t`.
        nu: viscosity :math:`\nu`.

    Raises:
        ValueError: as :func:`pbdl_helpers.burgers.step`.
    """
    return burgers.step(u, dx=1 / u.shape[-1], dt=dt, nu=nu) + dt * force


def draw_cases(
    count: int, generator: torch.Generator, *, cells: int = CELLS, steps: int = STEPS, dt: float = DT, nu: float = NU
) -> Cases:
    r"""Draws tasks that can be solved: two humps that collide, and what a random constant force makes of them.

    The start is :math:`a_l e^{-(x-x_l)^2/2s_l^2} + a_r e^{-(x-x_r)^2/2s_r^2}` with :math:`x_l \sim U(0.2, 0.4)`,
    :math:`x_r \sim U(0.6, 0.8)`, :math:`a_l \sim U(0, 3)`, :math:`a_r \sim U(-3, 0)` and both widths
    :math:`\sim U(0.05, 0.15)`; the force :math:`A e^{-(x-c)^2/2s^2}` with :math:`c \sim U(0.4, 0.6)`,
    :math:`A \sim U(-1.6, 1.6)`, :math:`s \sim U(0.1, 0.4)`.

    Args:
        count: number of tasks, at least one.
        generator: source of the random numbers, on the CPU.
        cells: grid cells of the domain :math:`[0, 1]`.
        steps: time steps from start to target.
        dt: time step :math:`\Delta t`.
        nu: viscosity :math:`\nu`.

    Source:
        Holl, Koltun and Thuerey, Learning to control PDEs with differentiable physics, ICLR 2020, and its public code.
    """
    if count < 1:
        raise ValueError(f"Draw at least one task, got count={count}.")
    x = (torch.arange(cells) + 0.5) / cells

    def hump(centre, height, width):
        c, h, w = (
            low + (high - low) * torch.rand(count, 1, generator=generator) for low, high in (centre, height, width)
        )
        return h * torch.exp(-((x - c) ** 2) / (2 * w**2))

    start = hump((0.2, 0.4), (0.0, 3.0), (0.05, 0.15)) + hump((0.6, 0.8), (-3.0, 0.0), (0.05, 0.15))
    force = hump((0.4, 0.6), (-1.6, 1.6), (0.1, 0.4))
    target = start
    for _ in range(steps):
        target = advance(target, force, dt=dt, nu=nu)
    return Cases(start, target, force)


class BurgersControl(VectorEnv):
    r"""Many control tasks at once: one call steps all of them.

    An observation has the three channels velocity :math:`u_t`, target :math:`u^*` and elapsed time :math:`t/n`; an
    action is the force in each cell. The reward is :math:`-\sum f^2`, at the last step less
    :math:`w \sum (u^* - u_n)^2`, with sums over the cells. All tasks have the same length, so that they end together.
    The last step returns the first observation of new tasks (autoreset in the same step), and those of the end as
    ``final_obs`` of its info.

    Args:
        num_envs: number of tasks at once.
        cases: tasks for every episode, as many as ``num_envs``; without them each episode draws new ones.
        cells: grid cells.
        steps: time steps :math:`n` of an episode.
        dt: time step :math:`\Delta t`.
        nu: viscosity :math:`\nu` of the simulation.
        weight: weight :math:`w` of the error at the target; the published value :math:`n/\Delta t^2` if not given.
        limit: largest force in a cell.

    Raises:
        ValueError: if a number is not positive, a count not whole, or the cases have another shape or precision; in
            :meth:`step` if an action has another shape, is not finite or lies outside the box.

    Example:
        >>> env = BurgersControl(4)
        >>> observation, _ = env.reset(seed=0)
        >>> observation.shape, env.step(np.zeros((4, 32)))[1].shape
        ((4, 3, 32), (4,))
    """

    def __init__(
        self,
        num_envs: int,
        *,
        cases: Cases | None = None,
        cells: int = CELLS,
        steps: int = STEPS,
        dt: float = DT,
        nu: float = NU,
        weight: float | None = None,
        limit: float = 20.0,
    ) -> None:
        for name, value in {"num_envs": num_envs, "cells": cells, "steps": steps}.items():
            if value != int(value) or value < 1:  # with half a step an episode would never end
                raise ValueError(f"{name} must be a whole number of at least 1, got {value}.")
        if not 0 < dt < math.inf:
            raise ValueError(f"dt must be positive and finite, got {dt}.")
        weight = steps / dt**2 if weight is None else weight
        for name, value in {"limit": limit, "weight": weight}.items():
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {value}.")
        if cases is not None:
            found = {(tuple(field.shape), field.dtype) for field in cases}
            if found != {((num_envs, cells), torch.float32)}:
                raise ValueError(f"The cases need shape {(num_envs, cells)} and 32-bit floats, got {found}.")
        self.num_envs, self.cells, self.steps, self.dt, self.nu = num_envs, cells, steps, dt, nu
        self.weight = weight
        self.cases = cases
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.single_observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3, cells), np.float32)
        self.single_action_space = gymnasium.spaces.Box(-limit, limit, (cells,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.generator = torch.Generator()
        self.generator.seed()
        self.u = None

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        """Starts new episodes of all tasks; returns the observations, shape ``(num_envs, 3, cells)``, and ``{}``."""
        if seed is not None:
            self.generator.manual_seed(seed)
        self.start()
        return self.observe(), {}

    def start(self) -> None:
        grid = {"cells": self.cells, "steps": self.steps, "dt": self.dt, "nu": self.nu}
        cases = self.cases or draw_cases(self.num_envs, self.generator, **grid)
        self.u, self.target, self.t = cases.start, cases.target, 0

    def observe(self) -> np.ndarray:
        elapsed = torch.full_like(self.u, self.t / self.steps)
        return torch.stack([self.u, self.target, elapsed], 1).numpy()

    def force(self, actions) -> tuple[Tensor, Tensor]:
        """Returns the force in each cell and what it costs, shapes ``(num_envs, cells)`` and ``(num_envs,)``."""
        force = torch.from_numpy(self.checked(actions))
        return force, force.square().sum(1)

    def checked(self, actions) -> np.ndarray:
        actions = np.asarray(actions, dtype=np.float32)
        if actions.shape != self.action_space.shape:
            raise ValueError(f"The actions need shape {self.action_space.shape}, got {actions.shape}.")
        if not np.isfinite(actions).all():
            raise ValueError("An action is not finite: the policy that chose it has diverged.")
        if not self.action_space.contains(actions):
            largest, limit = abs(actions).max(), self.single_action_space.high[0]
            raise ValueError(f"A force of {largest:.3g} exceeds the limit of {limit:g}: clip it, or raise the limit.")
        return actions

    def step(self, actions):
        """Applies the actions of all tasks; returns observations, rewards, two flags and infos."""
        if self.u is None:
            raise ValueError("Call reset() before the first step.")
        force, price = self.force(actions)
        self.u = advance(self.u, force, dt=self.dt, nu=self.nu)
        self.t += 1
        reward = -price
        done = self.t == self.steps
        infos = {}
        if done:
            reward -= self.weight * (self.target - self.u).square().sum(1)
            infos = {"final_obs": self.observe()}
            self.start()
        ends = np.full(self.num_envs, done)
        return self.observe(), reward.numpy(), ends, np.zeros(self.num_envs, dtype=bool), infos


class TravellingJet(BurgersControl):
    r"""The same tasks with one jet instead of a force in each cell, and nine actions to choose from.

    In each step the jet moves by one cell to the left (actions 0, 1, 2), stays (3, 4, 5) or moves to the right (6, 7,
    8), and blows to the left (0, 3, 6), not at all (1, 4, 7) or to the right (2, 5, 8). It begins in the middle, and
    its force is :func:`jet` times ``strength``. Only the error at the target counts. A fourth channel of the
    observation is the shape of the jet where it stands.

    Args:
        num_envs: number of tasks at once.
        strength: force of the jet at its centre.
        options: further settings of :class:`BurgersControl`.

    Raises:
        ValueError: if an action is none of 0 … 8, and as :class:`BurgersControl`.
    """

    def __init__(self, num_envs: int, *, strength: float = 4.0, **options) -> None:
        super().__init__(num_envs, **options)
        self.strength = strength
        self.single_observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (4, self.cells), np.float32)
        self.single_action_space = gymnasium.spaces.Discrete(9)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def start(self) -> None:
        super().start()
        self.place = torch.full((self.num_envs,), float(self.cells // 2))

    def observe(self) -> np.ndarray:
        return np.concatenate([super().observe(), jet(self.place, self.cells)[:, None].numpy()], 1)

    def force(self, actions) -> tuple[Tensor, Tensor]:
        """Moves the jets; returns the force in each cell, and zeros: it costs nothing."""
        actions = torch.from_numpy(self.checked(actions))
        self.place = (self.place + actions // 3 - 1) % self.cells
        blow = (actions % 3 - 1).float()
        return self.strength * blow[:, None] * jet(self.place, self.cells), torch.zeros(self.num_envs)

    def checked(self, actions) -> np.ndarray:
        actions = np.asarray(actions)
        if actions.shape != self.action_space.shape:
            raise ValueError(f"The actions need shape {self.action_space.shape}, got {actions.shape}.")
        if not np.isin(actions, range(9)).all():
            raise ValueError("An action is a whole number from 0 to 8.")
        return actions.astype(np.int64)


def jet(place: Tensor, cells: int = CELLS) -> Tensor:
    r"""Returns a bump :math:`e^{-d^2/2s^2}` around each place, :math:`s = 0.06`, :math:`d` the periodic distance.

    Args:
        place: where the centres are, in cells from the left end, whole numbers or not, shape ``(...)``.
        cells: grid cells of the domain.

    Returns:
        Shape ``(..., cells)``, differentiable in ``place``.
    """
    distance = ((torch.arange(cells) - place[..., None]) / cells + 0.5) % 1 - 0.5
    return torch.exp(-(distance**2) / (2 * 0.06**2))


class SingleBurgersControl(gymnasium.Env):
    """One task of :class:`BurgersControl` as a plain environment, for tools that know nothing else.

    Args:
        options: settings of :class:`BurgersControl`.
    """

    def __init__(self, **options) -> None:
        self.tasks = BurgersControl(1, **options)
        self.observation_space = self.tasks.single_observation_space
        self.action_space = self.tasks.single_action_space

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        """Starts a new task; returns the observation, shape ``(3, cells)``, and ``{}``."""
        super().reset(seed=seed)
        return self.tasks.reset(seed=seed)[0][0], {}

    def step(self, action):
        """Applies one action, shape ``(cells,)``; at the end the observation is the last of this task."""
        observation, reward, ended, stopped, infos = self.tasks.step(np.asarray(action)[None])
        return infos.get("final_obs", observation)[0], float(reward[0]), bool(ended[0]), bool(stopped[0]), {}


class StableBaselines(VecEnv):
    """A Gymnasium vector environment as Stable-Baselines3 wants it; that library takes no other kind.

    Args:
        env: vector environment that starts new episodes in the step that ends the old ones, all at the same time.

    Raises:
        ValueError: if the environment starts new episodes in another way.
    """

    def __init__(self, env: VectorEnv) -> None:
        if env.metadata.get("autoreset_mode") != AutoresetMode.SAME_STEP:
            raise ValueError("The environment must start new episodes in the step that ends the old ones.")
        self.env, self.render_mode, self.seed_of_reset = env, None, None
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Takes the seed of the next :meth:`reset`."""
        self.seed_of_reset = seed
        return [seed] * self.num_envs

    def reset(self) -> np.ndarray:
        """Starts new episodes; returns the observations."""
        observations, _ = self.env.reset(seed=self.seed_of_reset)
        self.seed_of_reset = None  # else each further episode would be the same one
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """Takes the actions; the step itself is done by :meth:`step_wait`."""
        self.actions = actions

    def step_wait(self):
        """Returns observations, rewards, ends and one info for each task."""
        observations, rewards, ends, _, infos = self.env.step(self.actions)
        each = [{"terminal_observation": last} for last in infos.get("final_obs", [])] or [{}] * self.num_envs
        return observations, rewards, ends, each

    def close(self) -> None:
        """Closes the environment."""
        self.env.close()

    def get_attr(self, attr_name: str, indices=None) -> list:
        """Returns the environment's attribute, once for each task asked for."""
        return [getattr(self.env, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value, indices=None) -> None:
        """Sets an attribute of the environment: of all tasks, whichever are named."""
        setattr(self.env, attr_name, value)

    def env_method(self, method_name: str, *args, indices=None, **options) -> list:
        """Calls a method of the environment once; returns its result for each task asked for."""
        result = getattr(self.env, method_name)(*args, **options)
        return [result] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class, indices=None) -> list[bool]:
        """Tells that no single task is wrapped."""
        return [False] * len(list(self._get_indices(indices)))
