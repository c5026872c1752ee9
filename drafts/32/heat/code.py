# --- cell: setup
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from pbdl_helpers import checkpoints, datasets, plotting
from pbdl_helpers.claims import Claims
from pbdl_helpers.runtime import setup
from pbdl_helpers.tables import Table
from torch import nn

run = setup(seed=0)
plotting.style()
# --- cell: constants
N = 32  # cells in each direction, of a periodic box with sides 2π
T = 0.2  # end time
G = 0.3  # strength of the noise that falls in on the way
EXPONENT = 3  # the mean power of mode k is proportional to |k|⁻³
STEPS = 100  # of the way back
FIELDS = 4000  # initial fields to learn from
BATCH, LEARNING_RATE = 32, 2e-3
UPDATES = run.pick(book=2500, full=20_000)
# --- cell: physics
wave = torch.fft.fftfreq(N, 1 / N)
K2 = wave[:, None] ** 2 + wave**2  # |k|²
times = T * torch.linspace(0, 1, STEPS + 1) ** 2


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
    """Returns a sample of the state a time h later."""
    return heat(u, h) + filtered(torch.randn_like(u), inflow(h).sqrt())


def spectrum(exponent):
    """Variance of each mode; the mean over all modes, and so of the cells, is 1."""
    power = torch.where(K2 > 0, K2.clamp(min=1) ** (-exponent / 2), 0.0)
    return power / power.mean()


def draw(count, exponent=EXPONENT, phases=False):
    """Returns random initial fields; with phases only their signs, ±1."""
    fields = filtered(torch.randn(count, N, N), spectrum(exponent).sqrt())
    return fields.sign() if phases else fields
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
    """Mean of the state one step earlier: the step of the physics and a correction."""

    def __init__(self, physics):
        super().__init__()
        self.physics = physics
        self.correction = UNet(2 if physics == "forward" else 1)
        self.register_buffer("size", torch.ones(2, STEPS + 1))

    def start(self, x, k):
        """Returns what the correction is added to, of states x at step numbers k."""
        h = (times[k] - times[k - 1])[:, None, None]
        return heat(x, h) if self.physics == "forward" else x

    def forward(self, x, k):
        start, h = self.start(x, k), times[k] - times[k - 1]
        a, b = self.size[:, k, None, None]
        inputs = [x / a] + ([(x - start) / b] if self.physics == "forward" else [])
        correction = self.correction(torch.stack(inputs, dim=1), k / STEPS)
        return start, G * h.sqrt()[:, None, None] * correction
# --- cell: train
def train(seed, updates, physics="forward", phases=False, progress=None):
    torch.manual_seed(seed)
    fields, network = draw(FIELDS, phases=phases), Backward(physics)
    for k in range(1, STEPS + 1):
        x = evolve(fields[:500], times[k])
        network.size[0, k] = x.std()
        network.size[1, k] = (x - heat(x, times[k] - times[k - 1])).std()
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, updates)
    history = []
    for _ in run.progress(range(updates)):
        k = torch.randint(1, STEPS + 1, (BATCH,))
        early, h = times[k - 1][:, None, None], (times[k] - times[k - 1])[:, None, None]
        before = evolve(fields[torch.randint(FIELDS, (BATCH,))], early)
        start, correction = network(evolve(before, h), k)
        loss = ((before - start - correction) ** 2 / (G**2 * h)).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        history.append(loss.item())
    return network, history
