# --- cell: setup (recipe)
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from pbdl_helpers import checkpoints, datasets, plotting
from pbdl_helpers.claims import Claims
from pbdl_helpers.runtime import setup
from pbdl_helpers.tables import Table
from scipy.interpolate import CubicSpline
from scipy.linalg import solve_banded
from scipy.optimize import minimize
from scipy.stats import ks_2samp
from torch import nn

run = setup(seed=0)
plotting.style()
# --- cell: constants (recipe)
RATE_OF_DECAY = 7.0  # of the drift
G = 0.03  # strength of the noise
T = 10.0  # end time
K = 400  # steps of the time grid, t_k = T (k/K)²: small ones where the motion is fast
PATHS = 20_000  # to learn from; the source has 250
BATCH, LEARNING_RATE = 2048, 5e-3
STARTS = np.linspace(-0.065, 0.065, 6)  # end states whose past is asked for
BRIEF = 300  # updates of the training in this notebook
FLOW_UPDATES = 1500

# --- cell: simulate (recipe)
def physics(x):
    return -RATE_OF_DECAY * x * abs(x)  # sign(x) x² without a jump


times = torch.linspace(0, 1, K + 1, dtype=torch.float64) ** 2 * T


def simulate(paths, seed, substeps=4, g=G):
    """Returns states at all times, (paths, K + 1), half of them from each start."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.ones(paths, dtype=torch.float64)
    x[1::2] = -1
    states = [x]
    for h in times.diff() / substeps:
        for _ in range(substeps):
            noise = torch.randn(paths, generator=generator, dtype=torch.float64)
            x = x + h * physics(x) + g * h.sqrt() * noise
        states.append(x)
    return torch.stack(states, dim=1).float()


# --- cell: fokker-planck
GRID = np.linspace(-1, 1, 4001)
DX = GRID[1] - GRID[0]
T_FIRST = 0.05  # until then the density is that of the linearised equation
STORED = np.r_[np.arange(0.06, 0.5, 0.01), np.arange(0.5, T + 0.01, 0.05)]


def moments(t, g=G):
    """Mean and variance of paths from +1, to leading order in the noise."""
    a = 1 + RATE_OF_DECAY * t
    return 1 / a, g**2 * (a**5 - 1) / (35 * a**4)


def fokker_planck(g=G):
    """Returns the density of paths from +1 at the times STORED, (times, cells)."""
    mean, variance = moments(T_FIRST, g)
    p = np.exp(-((GRID - mean) ** 2) / (2 * variance))
    p /= p.sum() * DX
    drift = physics((GRID[1:] + GRID[:-1]) / 2)  # at the faces between cells
    from_left, from_right = drift / 2 + g**2 / (2 * DX), drift / 2 - g**2 / (2 * DX)
    above, here, below = np.zeros((3, len(GRID)))
    here[:-1] -= from_left / DX
    here[1:] += from_right / DX
    above[1:], below[:-1] = -from_right / DX, from_left / DX
    densities, t = [], T_FIRST
    for target in STORED:
        size = 2e-4 if target <= 0.5 else 1e-3 if target <= 2 else 5e-3
        steps = int(np.ceil((target - t) / size - 1e-9))
        h = (target - t) / steps
        matrix = np.array([-h / 2 * above, 1 - h / 2 * here, -h / 2 * below])
        for _ in range(steps):
            flux = from_left * p[:-1] + from_right * p[1:]
            change = -np.diff(flux, prepend=0, append=0) / DX
            p = solve_banded((1, 1), matrix, p + h / 2 * change)
        densities.append(p)
        t = target
    return np.array(densities)


from_plus = fokker_planck()
mixture = (from_plus + from_plus[:, ::-1]) / 2
end_density = mixture[-1]
posterior = np.divide(  # that the path began at +1
    from_plus[-1], 2 * end_density, out=(GRID > 0).astype(float), where=end_density > 1e-30
)
exact_shares = np.interp(STARTS, GRID, posterior)
def slope(density):
    return np.gradient(np.log(np.maximum(density, 1e-300)), DX)


scores = torch.tensor(np.array([slope(p) for p in mixture]))


def exact(x, t):
    """Returns g² times the score of the mixture of both starts at one time t > 0."""
    if t < 0.3:  # two narrow Gaussians
        mean, variance = moments(t)
        pull = torch.tanh(x * mean / variance)
        return G**2 * (mean * pull - x) / variance
    place = (x.double() - GRID[0]) / DX
    left = place.floor().clamp(0, len(GRID) - 2).long()
    later = min(np.searchsorted(STORED, t), len(STORED) - 1)
    in_time = (t - STORED[later - 1]) / (STORED[later] - STORED[later - 1])
    rows = scores[later - 1 : later + 1]
    in_space = (place - left).clamp(0, 1)
    values = rows[:, left] * (1 - in_space) + rows[:, left + 1] * in_space
    return G**2 * ((1 - in_time) * values[0] + in_time * values[1])


# --- cell: backwards
@torch.no_grad()
def backwards(f, x, steps=K, noise=True, uniform=False):
    """Returns the states from T back to 0, shape (steps + 1, n)."""
    share = 1.0 if noise else 0.5
    grid = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    grid = T * grid ** (1 if uniform else 2)
    states = [x]
    for k in range(steps, 0, -1):
        h = grid[k] - grid[k - 1]
        x = x - h * (physics(x) - share * f(x, grid[k].item()))
        if noise:
            x = x + G * h.sqrt() * torch.randn_like(x)
        states.append(x)
    return torch.stack(states)


# --- cell: network (recipe)
class Score(nn.Module):
    """g² times the score; odd in x, with the widths of the problem as its units."""

    def __init__(self):
        super().__init__()
        layers = [nn.Linear(4, 32), nn.Tanh()]
        layers += [nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh()]
        self.layers = nn.Sequential(*layers, nn.Linear(32, 1))

    def forward(self, x, t):
        t = torch.as_tensor(t, dtype=x.dtype)
        a = 1 + RATE_OF_DECAY * t
        width = G * ((a**5 - 1) / (35 * a**4)).sqrt() + 1e-9

        def half(x):
            near, far = (torch.asinh((x - start / a) / width) / 2 for start in (1, -1))
            inputs = torch.stack([x * a, near, far, a.log().expand(x.shape)], dim=-1)
            return self.layers(inputs)[..., 0]

        return G**2 / width * (half(x) - half(-x)) / 2


class PlainScore(nn.Module):
    """The source's network: position and logarithm of time in, g² times the score."""

    def __init__(self):
        super().__init__()
        layers = [nn.Linear(2, 30), nn.ELU(), nn.Linear(30, 30), nn.ELU()]
        layers += [nn.Linear(30, 25), nn.ELU(), nn.Linear(25, 20), nn.ELU()]
        layers += [nn.Linear(20, 10), nn.ELU()]
        self.layers = nn.Sequential(*layers, nn.Linear(10, 1))

    def forward(self, x, t):
        t = torch.as_tensor(t, dtype=x.dtype).expand(x.shape)
        return self.layers(torch.stack([x, (t + 1e-5).log()], dim=-1))[..., 0]


def build(plain=False):
    return PlainScore() if plain else Score()


# --- cell: loss, train (recipe)
def window_loss(f, paths, k, window, both, share):
    """Loss of predicting `window - 1` states of a path from the one at k, then back.

    Args:
        f: network; paths: shape (batch, K + 1); k: where each window begins, (batch,).
        share: of f in the drift; both: also forward in time, from the window's end.
    """
    grid, row, loss = times.float(), torch.arange(len(k)), 0.0
    directions = (-1, 1) if both else (-1,)
    for direction in directions:
        at = k if direction < 0 else (k - window + 1).clamp(min=1)
        x = paths[row, at]
        for _ in range(window - 1):
            after = (at + direction).clamp(1 if direction < 0 else 0, K)
            h = grid[after] - grid[at]  # negative on the way back
            x = x + h * (physics(x) - share * f(x, grid[at]))
            scale = G**2 * h.abs().clamp(min=1e-12)
            inside = after != at
            loss = loss + (inside * (x - paths[row, after]) ** 2 / scale).mean()
            at = after
    return loss


def train(seed, updates, window=2, both=False, share=1.0, plain=False, paths=PATHS):
    """Returns a network and its losses; the last quarter of updates has the window."""
    torch.manual_seed(seed)
    data, network = simulate(paths, 1000 + seed), build(plain)
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, updates)
    history = []
    for update in run.progress(range(updates)):
        rows, k = torch.randint(paths, (BATCH,)), torch.randint(2, K + 1, (BATCH,))
        size = window if update >= 0.75 * updates else 2
        loss = window_loss(network, data[rows], k, size, both, share)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        history.append(loss.item())
    return network, history


# --- cell: measures
LINE = np.linspace(-0.4, 0.4, 801)  # where paths are from t = 0.5 on
WEIGHT = np.interp(LINE, GRID, end_density)
WEIGHT /= WEIGHT.sum()
EXACT = np.interp(LINE, GRID, posterior)


def on_line(f, t):
    with torch.no_grad():
        return f(torch.tensor(LINE, dtype=torch.float32), t).double().numpy()


def share_from_plus(f, step=0.04):
    """Returns for each end state the probability that the reverse SDE with f ends at +1."""
    u = (LINE > 0) + 0.5 * (LINE == 0)
    dx = LINE[1] - LINE[0]
    spread = G**2 / 2 / dx**2
    for t in np.arange(0.5 + step / 2, T, step):
        speed = (on_line(f, t) - physics(LINE)) / (2 * dx)
        up, down = spread + speed[1:-1], spread - speed[1:-1]
        matrix = np.zeros((3, len(LINE)))
        matrix[1] = 1
        matrix[1, 1:-1] += step * spread
        matrix[0, 2:], matrix[2, :-2] = -step / 2 * up, -step / 2 * down
        right = u.copy()
        right[1:-1] += step / 2 * (up * u[2:] - 2 * spread * u[1:-1] + down * u[:-2])
        u = solve_banded((1, 1), matrix, right)
    return u


def posterior_error(f):
    return np.sum(WEIGHT * np.abs(share_from_plus(f) - EXACT))


def path_divergence(f):
    """Returns the Kullback–Leibler divergence of reverse paths from t = 0.5 on, in nats."""
    total = 0.0
    for t, density in zip(STORED, mixture, strict=True):
        if t >= 0.5:
            p = np.interp(LINE, GRID, density)
            gap = on_line(f, t) - on_line(exact, t)
            total += 0.05 * np.sum(p * gap**2) * (LINE[1] - LINE[0])
    return total / (2 * G**2)
