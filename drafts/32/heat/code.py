# --- cell: setup
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from pbdl_helpers import checkpoints, datasets, plotting
from pbdl_helpers.claims import Claims
from pbdl_helpers.runtime import setup
from pbdl_helpers.tables import Table
from scipy.optimize import brentq
from torch import nn

run = setup(seed=0)
plotting.style()
# --- cell: constants
N = 32  # cells in each direction, of a periodic box with sides 2π
T = 0.2  # end time
G = 0.3  # strength of the noise that falls in on the way
EXPONENT = 3  # the mean power of mode k is proportional to |k|⁻³
BRIEF = 150  # updates of the training in this notebook
PHASES_EXPONENT = 5  # of a smoother field, whose signs are the second kind of start
STEPS = 100  # of the way back
FIELDS = 4000  # initial fields to learn from
BATCH, LEARNING_RATE = 32, 4e-3  # the rate rises for a third of the updates and falls to 0
UPDATES = run.pick(book=5000, full=20_000)
# --- cell: physics
wave = torch.fft.fftfreq(N, 1 / N)
K2 = wave[:, None] ** 2 + wave**2  # |k|²
times = T * torch.linspace(0, 1, STEPS + 1) ** 2


def step(k):
    """Length of the step from t_{k-1} to t_k, of shape (…, 1, 1) for numbers (…)."""
    return (times[k] - times[k - 1])[..., None, None]


def filtered(u, gain):
    """Multiplies each Fourier mode of fields u, (..., N, N), by its gain."""
    return torch.fft.ifft2(gain * torch.fft.fft2(u)).real


def decay(h):
    return torch.exp(-K2 * h)


def inflow(h):
    """Variance, for each mode, of the noise that falls in during h and decays at once."""
    rate = 2 * K2.clamp(min=1)
    return G**2 * torch.where(K2 > 0, (1 - torch.exp(-rate * h)) / rate, h)


def heat(u, h):
    return filtered(u, decay(h))


def evolve(u, h):
    """Returns a sample of the state a time h later; h: a number or (batch, 1, 1)."""
    h = torch.as_tensor(h)
    return heat(u, h) + filtered(torch.randn_like(u), inflow(h).sqrt())


def spectrum(exponent):
    """Variance of each mode; the mean over all modes, and so of the cells, is 1."""
    power = torch.where(K2 > 0, K2.clamp(min=1) ** (-exponent / 2), 0.0)
    return power / power.mean()


def draw(count, exponent=EXPONENT):
    """Returns random initial fields."""
    return filtered(torch.randn(count, N, N), spectrum(exponent).sqrt())


def draw_phases(count):
    """Returns random initial fields of two values, 1 and −1."""
    return torch.where(draw(count, PHASES_EXPONENT) > 0, 1.0, -1.0)
# --- cell: network
class Block(nn.Module):
    """Two convolutions with a shortcut, scaled and shifted by features of the time."""

    def __init__(self, into, out):
        super().__init__()
        self.first = nn.Conv2d(into, out, 3, padding=1, padding_mode="circular")
        self.second = nn.Conv2d(out, out, 3, padding=1, padding_mode="circular")
        self.shortcut = nn.Conv2d(into, out, 1)
        self.modulation = nn.Linear(32, 2 * out)

    def forward(self, x, time):
        scale, shift = self.modulation(time)[:, :, None, None].chunk(2, dim=1)
        hidden = nn.functional.silu(self.first(x) * (1 + scale) + shift)
        return self.shortcut(x) + self.second(hidden)


class UNet(nn.Module):
    """Fields, (batch, channels, N, N), at relative times s, (batch,), to a field."""

    def __init__(self, channels, width=24):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(4, 32), nn.SiLU())
        self.down1, self.down2 = Block(4 * channels, width), Block(width, width)
        self.bottom = Block(width, width)
        self.up2, self.up1 = Block(width, width), Block(width, width)
        self.last = nn.Conv2d(width, 4, 3, padding=1, padding_mode="circular")

    def forward(self, fields, s):
        angles = torch.pi * s
        time = self.time(torch.stack([s, s.sqrt(), angles.sin(), angles.cos()], dim=1))
        half, twice = nn.AvgPool2d(2), nn.Upsample(scale_factor=2)
        fine = self.down1(nn.functional.pixel_unshuffle(fields, 2), time)
        middle = self.down2(half(fine), time)
        coarse = self.bottom(half(middle), time)
        middle = self.up2(middle + twice(coarse), time)
        fine = self.up1(fine + twice(middle), time)
        return nn.functional.pixel_shuffle(self.last(fine), 2)[:, 0]


class Backward(nn.Module):
    """Mean of the state one step earlier, from states at step numbers k."""

    def __init__(self, physics):
        super().__init__()
        self.physics, self.correction = physics, UNet(1 + physics)
        self.register_buffer("size", torch.ones(2, STEPS + 1))  # of states, of changes

    def measure(self, fields):
        """Stores the size of states and of their change in a step of the physics."""
        for k in range(1, STEPS + 1):
            x = evolve(fields, times[k])
            self.size[:, k] = torch.stack([x.std(), (x - heat(x, step(k))).std()])

    def forward(self, x, k):
        """Returns what the correction is added to, and the correction."""
        h, (state, change) = step(k), self.size[:, k, None, None]
        start = heat(x, h) if self.physics else x
        inputs = [x / state] + [(x - start) / change] * self.physics
        correction = self.correction(torch.stack(inputs, dim=1), k / STEPS)
        return start, G * h.sqrt() * correction


class Supervised(nn.Module):
    """The initial field from the final one."""

    def __init__(self):
        super().__init__()
        self.network = UNet(1)

    def forward(self, x):
        return self.network(x[:, None], torch.ones(len(x)))


def build(kind):
    return Supervised() if kind == "supervised" else Backward(kind == "physics")
# --- cell: train
def step_loss(network, fields):
    """Mean square of what one step back cannot predict, in units of the noise."""
    k = torch.randint(1, STEPS + 1, (len(fields),))
    before = evolve(fields, times[k - 1][:, None, None])
    start, correction = network(evolve(before, step(k)), k)
    return ((before - start - correction) ** 2 / (G**2 * step(k))).mean()


def supervised_loss(network, fields):
    return ((network(evolve(fields, T)) - fields) ** 2).mean()


def train(seed, updates, kind, phases=False):
    torch.manual_seed(seed)
    fields, network = (draw_phases if phases else draw)(FIELDS), build(kind)
    loss_of = supervised_loss if kind == "supervised" else step_loss
    if kind != "supervised":
        network.measure(fields[:500])
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, updates)
    history = []
    for _ in run.progress(range(updates)):
        loss = loss_of(network, fields[torch.randint(FIELDS, (BATCH,))])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        history.append(loss.item())
    return network, history
# --- cell: variants
SEEDS = [0, 1, 2, 3, 4]
STEPWISE = {"updates": UPDATES}
PHASES = {"phases": True, "seeds": [0, 1, 2]}
VARIANTS = {
    "SMDP": {"kind": "physics", **STEPWISE},
    "without physics": {"kind": "none", **STEPWISE},
    "supervised": {"kind": "supervised", "updates": UPDATES // 2},
    "phases, SMDP": {"kind": "physics", **STEPWISE, **PHASES},
    "phases, supervised": {"kind": "supervised", "updates": UPDATES // 2, **PHASES},
}
