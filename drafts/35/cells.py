CELLS = []
def md(id, src): CELLS.append(("markdown", id, {}, src.strip("\n")))
def code(id, src, **meta): CELLS.append(("code", id, meta, src.strip("\n")))
H = ["hide-input"]

code("pg-imports", '''
import math
import time
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from pbdl_helpers import plotting
from pbdl_helpers.claims import Claims
from pbdl_helpers.fluids import Flow
from pbdl_helpers.runtime import setup
from pbdl_helpers.tables import Table
from torch import nn
from torch.nn import functional

run = setup(seed=0)
plotting.style()
''', tags=H)

code("pg-settings", '''
N, DX = 16, 2 * math.pi / 16  # cells a side, their size: the domain is 2π wide
NU, DT, STEPS = 0.05, 0.1, 10  # viscosity, time step, steps until the measurement
SENSORS = 4
SIGMA = 0.05  # standard deviation of the measurement's error; flows have rms 1
PROBLEMS, SAMPLES = 48, 64  # flows to recover, samples for each
UPDATES = run.pick(book=3000, full=30_000)  # of the networks
BATCH, WIDTH, RATE = 256, 256, 2e-3
LATE = 0.2  # the control acts at t ≤ 0.2
''')

code("pg-flow", '''
flow = Flow((N, N), DX, x="periodic", y="periodic", device=run.device)


def faces(x):
    """Returns both components of flows, from vectors (batch, 512)."""
    u, v = x.reshape(-1, 2, N, N).unbind(1)
    return torch.cat([u, u[..., :1]], dim=2), torch.cat([v, v[:, :1]], dim=1)


def vector(velocity):
    u, v = velocity
    return torch.stack([u[..., :-1], v[:, :-1]], dim=1).flatten(1)


def decay(x):
    """The simulator: friction smooths the flow."""
    u, v = faces(x)
    for _ in range(STEPS):
        u = flow.diffuse(u, "u", dt=DT, nu=NU)
        v = flow.diffuse(v, "v", dt=DT, nu=NU)
    return vector((u, v))


torch.manual_seed(run.seed)
cells = torch.randperm(N * N, device=run.device)[:SENSORS]
rows = torch.cat([cells, cells + N * N])


def measured(x):
    """Velocities at the sensors, after the decay: all u, then all v."""
    return decay(x)[:, rows]


A = measured(torch.eye(2 * N * N, device=run.device)).T  # the same, as a matrix
''')

code("pg-prior", '''
wave = torch.fft.fftfreq(N, 1 / N, device=run.device)
k2 = wave[:, None] ** 2 + wave**2
amplitude = torch.where(k2 > 0, (k2 * (1 + k2 / 9) ** 3).clamp(min=1e-9) ** -0.5, 0)


def swirl(noise):
    """Flow without divergence from noise (batch, 16, 16), by a smooth stream function."""
    psi = torch.fft.ifft2(amplitude * torch.fft.fft2(noise)).real
    return torch.cat([(psi.roll(-1, 1) - psi).flatten(1), (psi - psi.roll(-1, 2)).flatten(1)], 1)


basis = swirl(torch.eye(N * N, device=run.device).reshape(-1, N, N)).T
basis = basis / basis.square().sum(1).mean().sqrt()  # rms 1
modes, lam, _ = torch.linalg.svd(basis, full_matrices=False)
modes, lam = modes[:, :-1], lam[:-1]  # the mean of ψ is no flow: 255 modes are left


def prior(count):
    return (lam * torch.randn(count, len(lam), device=run.device)) @ modes.T


def measure(x, operator=measured):
    y = operator(x)
    return y + SIGMA * torch.randn_like(y)
''')

code("pg-exact", '''
covariance = modes * lam**2 @ modes.T
seen = A @ covariance @ A.T  # covariance of what sensors see, without their error
gain = torch.linalg.solve(seen + SIGMA**2 * torch.eye(len(A)), A @ covariance).T
posterior = covariance - gain @ A @ covariance  # covariance


def exact(y):
    """Samples of the posterior: a flow of the prior, corrected by what it would show."""
    x = prior(len(y))
    return x + (y - measure(x)) @ gain.T
''')

code("pg-judge", '''
torch.manual_seed(run.seed + 1)
true = prior(PROBLEMS)
y = measure(true)
ys = y.repeat_interleave(SAMPLES, 0)  # one for each sample


def judge(x, calls, simulations):
    """Compares samples of all problems with the exact posterior."""
    x = x.reshape(PROBLEMS, SAMPLES, -1)
    at_sensors = A @ posterior @ A.T
    divergence = flow.divergence(faces(x.flatten(0, 1))).square().mean().sqrt()
    gradient = x.diff(dim=2).square().mean()
    error = (x.mean(1) - y @ gain.T).square().sum(1).mean() / posterior.trace()
    return {
        "misfit": ((x @ A.T - y[:, None]).square().mean() / SIGMA**2).item(),
        "spread at sensors": ((x @ A.T).var(1).mean(0).sum() / at_sensors.trace()).sqrt().item(),
        "spread": (x.var(1).sum(1).mean() / posterior.trace()).sqrt().item(),
        "error of mean": math.sqrt(max(error.item() - 1 / SAMPLES, 0)),
        "divergence": divergence.item(),
        "network calls": calls,
        "simulations": simulations,
    }


results = {
    "exact posterior": judge(exact(ys), 0, 1),
    "prior": judge(prior(len(ys)), 0, 0),
    "best single flow": judge((y @ gain.T).repeat_interleave(SAMPLES, 0), 0, 1),
}
''')

code("pg-guide", '''
def circle(steps):
    """Returns (a, s) from noise to data; the first a is small, not zero."""
    angles = [math.pi / 2 * (1 - k / steps) for k in range(steps + 1)]
    return [(max(math.cos(phi), 1e-4), math.sin(phi)) for phi in angles]


def guided(y, steps, variance=True, fresh=False, weight=1.0):
    """Samples with the exact prior and guidance, in the prior's modes."""
    sensors = A @ modes
    z = torch.randn(len(y), len(lam), device=run.device)
    for (a, s), (next_a, next_s) in pairwise(circle(steps)):
        total = a**2 * lam**2 + s**2
        clean = a * lam**2 / total * z  # E[z₀ | z]
        error = SIGMA**2 / weight * torch.eye(len(A), device=run.device)
        if variance:
            error = error + sensors * (s**2 * lam**2 / total) @ sensors.T
        misfit = torch.linalg.solve(error, (y - clean @ sensors.T).T).T
        score = -z / total + a * lam**2 / total * (misfit @ sensors)
        clean, noise = (z + s**2 * score) / a, -s * score
        sigma = next_s / s * math.sqrt(max(1 - (a / next_a) ** 2, 0)) if fresh else 0.0
        z = next_a * clean + math.sqrt(max(next_s**2 - sigma**2, 0)) * noise
        z = z + sigma * torch.randn_like(z)
    return z @ modes.T
''')

code("pg-network", '''
class Velocity(nn.Module):
    """Three residual layers; knows the noisy flow, the time and the measurement."""

    def __init__(self, readings):
        super().__init__()
        self.first = nn.Linear(2 * N * N + readings + 8, WIDTH)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.last = nn.Linear(WIDTH, 2 * N * N)

    def forward(self, x, t, y):
        h = functional.silu(self.first(torch.cat([x, y, waves(t)], dim=1)))
        for layer in self.layers:
            h = h + functional.silu(layer(h))
        return (x - self.last(h)) / (t + 0.02)


def waves(t):
    """Four sines and cosines of the time, (batch, 8)."""
    phase = math.pi / 2 * t * torch.arange(1, 5, device=t.device)
    return torch.cat([phase.sin(), phase.cos()], dim=1)


def train(model, operator, updates, latest=1.0):
    """Fits a velocity on new pairs of flows and measurements; t is at most latest."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=updates, pct_start=0.05
    )
    losses = []
    for _ in run.progress(range(updates)):
        x = prior(BATCH)
        y, noise = measure(x, operator), torch.randn_like(x)
        t = torch.arange(BATCH, device=run.device) + torch.rand(BATCH, device=run.device)
        t = latest * t[:, None] / BATCH
        velocity = model((1 - t) * x + t * noise, t, y)
        loss = (velocity - (noise - x)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def euler(model, y, steps, late=None):
    """Follows the velocity from noise to flows; late: the model for t ≤ 0.2."""
    x = torch.randn(len(y), 2 * N * N, device=run.device)
    for k in range(steps):
        t = 1 - k / steps
        now = late if late is not None and t < LATE + 1e-6 else model
        x = x - now(x, torch.full((len(x), 1), t, device=run.device), y) / steps
    return x
''')

code("pg-control", '''
class Control(nn.Module):
    """Corrects a frozen velocity by the gradient of the simulated misfit."""

    def __init__(self, model, operator, kind):
        super().__init__()
        self.old, self.operator, self.kind = [model], operator, kind  # not trained
        inputs = 2 * N * N + 8 + (kind == "network") * (2 * N * N + 1)
        self.step = nn.Linear(8, 1)
        self.hidden, self.last = nn.Linear(inputs, 40), nn.Linear(40, 2 * N * N)
        for layer in (self.step, self.last):  # at first it changes nothing
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def signal(self, x, y):
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            cost = (self.operator(x) - y).square().sum(1) / (2 * SIGMA)
            return cost[:, None].detach(), torch.autograd.grad(cost.sum(), x)[0]

    def forward(self, x, t, y):
        v = self.old[0](x, t, y)
        time = waves(t / LATE)
        if self.kind == "no signal":
            return v + self.last(functional.silu(self.hidden(torch.cat([x - t * v, time], dim=1)))) / (t + 0.02)
        cost, gradient = self.signal(x - t * v, y)
        v_new = v + self.step(time) * gradient / (t + 0.02)
        if self.kind == "network":
            inputs = torch.cat([x - t * v, time, gradient, (1 + cost).log()], dim=1)
            v_new = v_new + self.last(functional.silu(self.hidden(inputs))) / (t + 0.02)
        return v_new
''')
