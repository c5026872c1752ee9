CELLS = []
def md(id, src): CELLS.append(("markdown", id, {}, src.strip("\n")))
def code(id, src, **meta): CELLS.append(("code", id, meta, src.strip("\n")))
R = ["recipe"]; H = ["hide-input"]

code("au-imports", '''
import math
import time
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from pbdl_helpers import checkpoints, datasets, plotting
from pbdl_helpers.claims import Claims
from pbdl_helpers.runtime import setup
from pbdl_helpers.tables import Table
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

run = setup(seed=0)
plotting.style()
''', tags=["hide-input", "recipe"])

code("au-settings", '''
TRAINING, TESTED = [1, 3, 5, 7, 9], [0, 2, 4, 6, 8, 10]  # of the eleven speeds
ANGLE = math.radians(20)  # of attack
T = 200  # steps of the diffusion
BATCH = 25
RATE = 1e-3  # largest learning rate; it rises for 5 % of the updates and falls to 0
WIDTH = run.pick(book=8, full=16)  # channels at the finest level; 16 is the source's
BRIEF = run.pick(book=60, full=50_000)  # updates here; 50,000 is the source's number
''', tags=R)

code("au-data", '''
data = datasets.load("airfoil_snapshots")
cycle = datasets.load("airfoil_cycle")
speeds = [constants["speed"] for constants in data.constants]
mask = torch.tensor(data.sims[0][0, 3], dtype=torch.float32)  # 1 in the profile
fluid = mask == 0


def dimensionless(states, speed):
    """Returns p/U² without its mean and u/U of stored states, (states, 3, 32, 32)."""
    states = torch.tensor(states, dtype=torch.float32)
    p, u = states[:, :1], states[:, 1:3]
    p = (p - p[:, :, fluid].mean(2)[..., None, None]) * fluid
    return torch.cat([p / speed**2, u / speed], dim=1)


flows = [dimensionless(*pair) for pair in zip(data.sims, speeds, strict=True)]
known = torch.cat([flows[case] for case in TRAINING])
mean, scale = known.mean((0, 2, 3)), known.std((0, 2, 3), correction=0)


def standardised(fields):
    return (fields - mean[:, None, None]) / scale[:, None, None]


extremes = standardised(known).amin((0, 2, 3)), standardised(known).amax((0, 2, 3))
LOWEST, HIGHEST = (values[:, None, None] for values in extremes)
flows = [standardised(fields) for fields in flows]
truth = [
    standardised(dimensionless(states, speeds[case]))
    for states, case in zip(cycle.sims, TESTED, strict=True)
]


def conditions(case):
    """Returns what a network knows of a case: free stream and profile, (3, 32, 32)."""
    u, v = speeds[case] * math.cos(ANGLE), speeds[case] * math.sin(ANGLE)
    return torch.stack([u * (1 - mask) / 100, v * (1 - mask) / 100, mask])
''', tags=R)

code("au-network", '''
class Block(nn.Module):
    """Depthwise 7 × 7, then 3 × 3 convolution; the time shifts each channel."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.shift = nn.Sequential(
            nn.Linear(8, inputs), nn.GELU(), nn.Linear(inputs, inputs)
        )
        self.mix = nn.Sequential(
            nn.Conv2d(inputs, inputs, 7, padding=3, groups=inputs),
            nn.GELU(),
            nn.GroupNorm(max(1, inputs // 16), inputs),
            nn.Conv2d(inputs, outputs, 3, padding=1),
        )
        same = inputs == outputs
        self.skip = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x, time):
        return self.mix(x + self.shift(time)[:, :, None, None]) + self.skip(x)


class Attention(nn.Module):
    """Each pixel looks at all others, with four heads."""

    def __init__(self, width, inner):
        super().__init__()
        self.qkv = nn.Conv2d(width, 3 * inner, 1, bias=False)
        self.out = nn.Conv2d(inner, width, 1, bias=False)
        self.norm = nn.GroupNorm(max(1, width // 16), width)

    def forward(self, x):
        shape = x.shape
        q, k, v = self.qkv(x).reshape(len(x), 3, 4, -1, shape[2] * shape[3]).mT.unbind(1)
        y = functional.scaled_dot_product_attention(q, k, v)
        return self.norm(x + self.out(y.mT.reshape(len(x), -1, *shape[2:])))


class UNet(nn.Module):
    """Three levels of two blocks down and up; attention below the finest level."""

    def __init__(self, width=WIDTH, outputs=3):
        super().__init__()
        a, b, c = width, 2 * width, 4 * width
        self.stem = nn.Conv2d(6, a, 1)
        widths = [(a, b), (b, b), (b, c), (c, c), (c, c), (c, c)]
        self.down = nn.ModuleList(Block(*pair) for pair in widths)
        self.shrink = nn.ModuleList(nn.Conv2d(4 * d, d, 1) for d in (b, c, c))
        self.look_down = nn.ModuleList([Attention(c, c), Attention(c, c)])
        self.middle = nn.ModuleList([Block(c, c), Block(c, c)])
        self.look = Attention(c, c)
        widths = [(2 * c, c), (2 * c, c), (2 * c, c), (2 * c, b), (2 * b, b), (2 * b, a)]
        self.up = nn.ModuleList(Block(*pair) for pair in widths)
        self.grow = nn.ModuleList(
            nn.Conv2d(2 * d, 2 * d, 3, padding=1) for d in (c, c, b)
        )
        self.look_up = nn.ModuleList([Attention(2 * c, c), Attention(2 * c, c)])
        self.head = Block(a, outputs)
        self.last = nn.Conv2d(outputs, outputs, 1)

    def forward(self, x, t, c):
        """x: (batch, 3, 32, 32); t: (batch,), from 0 to 200; c: conditions, as x."""
        phase = t[:, None] * 10_000 ** (-torch.arange(4, device=t.device) / 3)
        time = torch.cat([phase.sin(), phase.cos()], dim=1)
        h, skips = self.stem(torch.cat([x, c], dim=1)), []
        for level in range(3):
            h = self.down[2 * level](h, time)
            skips.append(0.707 * h)
            h = self.down[2 * level + 1](h, time)
            if level > 0:
                h = self.look_down[level - 1](h)
            h = self.shrink[level](functional.pixel_unshuffle(h, 2))
            skips.append(0.707 * h)
        h = self.middle[1](self.look(self.middle[0](h, time)), time)
        for level in range(3):
            h = torch.cat([h, skips.pop()], dim=1)
            h = self.grow[level](functional.interpolate(h, scale_factor=2))
            if level < 2:
                h = self.look_up[level](h)
            h = self.up[2 * level](h, time)
            h = self.up[2 * level + 1](torch.cat([h, skips.pop()], dim=1), time)
        return self.last(self.head(h, time))
''', tags=["hide-input", "recipe"])

code("au-pairs", '''
def cosine(t):
    return math.cos((t / T + 0.008) / 1.008 * math.pi / 2)


# ᾱ at 0, 1, …, 200: a cosine squared, but no step removes more than 99.9 %
alphas = [max((cosine(t) / cosine(t - 1)) ** 2, 0.001) for t in range(1, T + 1)]
alpha_bar = torch.tensor([1.0, *np.cumprod(alphas)], dtype=torch.float32)


def noisy(kind, x, noise, t):
    """Returns the noisy flow at times t from 0 to 200, and what a network learns."""
    t = t[:, None, None, None]
    if kind == "flow":  # lines from data to noise, and their velocity
        return (1 - t / T) * x + t / T * noise, noise - x
    a = alpha_bar[t.long()].sqrt()
    s = (1 - a**2).sqrt()
    return a * x + s * noise, noise if kind == "noise" else a * noise - s * x
''', tags=R)

code("au-losses", '''
def noise_loss(network, kind, x, c):
    noise = torch.randn_like(x)
    t = T * (torch.arange(BATCH) + torch.rand(BATCH)) / BATCH  # each part once
    t = t if kind == "flow" else t.ceil().clamp(1, T)
    x_t, target = (field.to(run.device) for field in noisy(kind, x, noise, t))
    answer = network(x_t, t.to(run.device), c.to(run.device))
    return (answer - target).square().mean()


def normal_loss(network, x, c):
    """Mean by squared error, standard deviation by likelihood; no noise goes in."""
    zeros = torch.zeros_like(c)
    center, log_spread = network(zeros, zeros[:, 0, 0, 0], c)[:, None].chunk(2, dim=2)
    error = (x - center).square()
    likelihood = error.detach() / (2 * log_spread).exp() / 2 + log_spread
    return (error + likelihood).mean()
''', tags=R)

code("au-train", '''
def train(seed, kind, updates, width=WIDTH, cases=TRAINING, outputs=3):
    """Returns a network and its losses."""
    torch.manual_seed(seed)
    network = UNet(width, outputs).to(run.device, memory_format=torch.channels_last)
    x_all = torch.stack([flows[case] for case in cases])  # (speeds, states, 3, 32, 32)
    c_all = torch.stack([conditions(case) for case in cases])
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=updates, pct_start=0.05
    )
    losses = []
    for _ in run.progress(range(updates)):
        if kind == "normal":
            loss = normal_loss(network, x_all.to(run.device), c_all.to(run.device))
        else:
            rows = torch.randperm(x_all.shape[0] * x_all.shape[1])[:BATCH]
            x, c = x_all.flatten(0, 1)[rows], c_all[rows // x_all.shape[1]]
            loss = noise_loss(network, kind, x, c)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return network.requires_grad_(False), losses
''', tags=R)

code("au-variants", '''
CLOSE = [3, 5, 7]  # three of the five speeds
LONG = {"updates": 4000, "width": 8}
VARIANTS = {
    "flow": {"kind": "flow", **LONG},
    "velocity": {"kind": "velocity", **LONG},
    "noise": {"kind": "noise", **LONG, "seeds": [0]},
    "close": {"kind": "flow", **LONG, "cases": CLOSE},
    "normal": {"kind": "normal", **LONG, "outputs": 6},
}
SEEDS = [0, 1, 2]
''', tags=R)

code("au-samplers", '''
def guess(network, kind, x, a, s, c):
    """Returns data and noise that the network expects in x = a x₀ + s ε."""
    if kind == "flow":
        size = a + s
        a, s, x = a / size, s / size, x / size
        u = network(x, torch.full((len(x),), T * s, device=x.device), c)
        return x - s * u, x + a * u
    size = math.hypot(a, s)
    a, s, x = a / size, s / size, x / size
    t = T * (1.008 * 2 / math.pi * math.acos(a * cosine(0)) - 0.008)
    answer = network(x, torch.full((len(x),), t, device=x.device), c)
    if kind == "noise":  # a is small at first: without a bound errors blow up
        data = ((x - s * answer) / a).clamp(LOWEST.to(x), HIGHEST.to(x))
        return data, (x - a * data) / s
    return a * x - s * answer, s * x + a * answer


def lines(steps):
    """Returns (a, s) at even times of flow matching, from noise to data."""
    return [(k / steps, 1 - k / steps) for k in range(steps + 1)]


def circles(steps):
    """Returns (a, s) at even times of the diffusion, from noise to data."""
    bars = [alpha_bar[round(T * (1 - k / steps))].item() for k in range(steps + 1)]
    return [(math.sqrt(bar), math.sqrt(1 - bar)) for bar in bars]


@torch.no_grad()
def denoise(network, kind, x, c, scales):
    """Follows the flow with one call a step: Euler on lines, DDIM on circles."""
    for (a, s), (next_a, next_s) in pairwise(scales):
        data, noise = guess(network, kind, x, a, s, c)
        x = next_a * data + next_s * noise
    return x


@torch.no_grad()
def renoise(network, kind, x, c, scales):
    """DDPM's steps, on circles: part of the noise is removed, part is drawn anew."""
    for (a, s), (next_a, next_s) in pairwise(scales):
        data, noise = guess(network, kind, x, a, s, c)
        sigma = next_s / s * math.sqrt(1 - (a / next_a) ** 2)
        rest = math.sqrt(next_s**2 - sigma**2)
        x = next_a * data + rest * noise + sigma * torch.randn_like(x)
    return x


@torch.no_grad()
def two_step(network, kind, x, c, scales):
    """Second order with one call a step: the data's line over log a/s continues."""
    last, last_h = None, math.inf
    for (a, s), (next_a, next_s) in pairwise(scales):
        data, _ = guess(network, kind, x, a, s, c)
        if next_s == 0:
            return data
        before = math.log(a / s) if a > 0 else -math.inf
        h = math.log(next_a / next_s) - before
        ahead = data if last is None else data + h / (2 * last_h) * (data - last)
        x = next_s / s * x - next_a * math.expm1(-h) * ahead
        last, last_h = data, h
''', tags=R)

code("au-plans", '''
# way to sample: function and scales
SAMPLERS = {
    "Euler 1": (denoise, lines(1)),
    "Euler 5": (denoise, lines(5)),
    "Euler 20": (denoise, lines(20)),
    "Euler 100": (denoise, lines(100)),
    "two-step lines 5": (two_step, lines(5)),
    "two-step lines 20": (two_step, lines(20)),
    "DDIM 5": (denoise, circles(5)),
    "DDIM 20": (denoise, circles(20)),
    "two-step 5": (two_step, circles(5)),
    "two-step 20": (two_step, circles(20)),
    "DDPM 20": (renoise, circles(20)),
    "DDPM 200": (renoise, circles(200)),
}
AGAIN = ["DDPM 200, second set", "DDPM 200, third set"]  # with other noise
PLANS = {
    "flow": list(SAMPLERS),
    "velocity": [*SAMPLERS, *AGAIN],
    "noise": ["DDIM 20", "DDPM 200"],
    "close": ["Euler 20"],
}
''', tags=R)
