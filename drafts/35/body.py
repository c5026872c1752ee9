code("pg-imports", '''
import math
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Ellipse
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
N, DX = 16, 2 * math.pi / 16  # cells a side, and their size: the domain is 2π wide
NU, DT, STEPS = 0.05, 0.1, 10  # viscosity, time step, steps until the measurement
SENSORS = 4
SIGMA = 0.05  # standard deviation of a reading's error; flows have rms 1
PROBLEMS, SAMPLES = 32, 64  # flows to recover, samples for each
UPDATES = run.pick(book=3000, full=30_000)  # of a network
LATER = run.pick(book=600, full=6000)  # of a control
BATCH, WIDTH, RATE = 256, 256, 2e-3
NEAR = 0.02  # added to t where the network's velocity divides by it
''')

md("pg-problem-text", r'''
## A flow seen late

The flow is periodic, on $16 \times 16$ cells with velocities on faces, 512 numbers $x$. A smooth random stream function makes it, so it has no divergence; its energy is even up to wave number 3 and falls steeply beyond. The **simulator** $\mathcal P$ is friction, $\partial_t u = \nu \Delta u$ with $\nu = 0.05$ for one unit of time, by ten explicit steps of `fluids.diffuse`. Then four sensors read both velocity components, each with an error of $\sigma = 0.05$:

$$
y = A x + \sigma \eta , \qquad \eta \sim \mathcal N(0, I) ,
$$ (pg-measurement)

where $A$ is simulation and readings in one. Friction and reading are linear, so $A$ is a matrix of $8 \times 512$, which running the simulator on each unit vector gives.
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


def simulate(x):
    u, v = faces(x)
    for _ in range(STEPS):
        u = flow.diffuse(u, "u", dt=DT, nu=NU)
        v = flow.diffuse(v, "v", dt=DT, nu=NU)
    return vector((u, v))


torch.manual_seed(run.seed)
cells = torch.randperm(N * N, device=run.device)[:SENSORS]
rows = torch.cat([cells, cells + N * N])


def simulated_readings(x):
    """Velocities at the sensors after the simulation: all u, then all v."""
    return simulate(x)[:, rows]


A = simulated_readings(torch.eye(2 * N * N, device=run.device)).T


def read(x):
    """The same readings, by one product."""
    return x @ A.T


def measure(x, operator=read):
    y = operator(x)
    return y + SIGMA * torch.randn_like(y)


eye = torch.eye(len(rows), device=run.device)
''')

code("pg-prior", '''
wave = torch.fft.fftfreq(N, 1 / N, device=run.device)
k2 = wave[:, None] ** 2 + wave**2
amplitude = torch.where(k2 > 0, (k2 * (1 + k2 / 9) ** 3).clamp(min=1) ** -0.5, 0)


def swirl(noise):
    """Returns flows without divergence, from noise (batch, 16, 16)."""
    psi = torch.fft.ifft2(amplitude * torch.fft.fft2(noise)).real
    u, v = psi.roll(-1, 1) - psi, psi - psi.roll(-1, 2)
    return torch.cat([u.flatten(1), v.flatten(1)], dim=1)


basis = swirl(torch.eye(N * N, device=run.device).reshape(-1, N, N)).T
basis = basis / basis.square().sum(1).mean().sqrt()  # flows of rms 1
modes, lam, _ = torch.linalg.svd(basis, full_matrices=False)
modes, lam = modes[:, :-1], lam[:-1]  # a constant ψ is no flow: 255 modes are left


def prior(count):
    return (lam * torch.randn(count, len(lam), device=run.device)) @ modes.T
''', tags=H)

md("pg-exact-text", r'''
Prior and error are normal and all is linear, so the **posterior** is known. With the prior's covariance $C$,

$$
p(x | y) = \mathcal N \big( K y,\ C - K A C \big) , \qquad K = C A^T \big( A C A^T + \sigma^2 I \big)^{-1} .
$$ (pg-posterior)

Samples of it come without any factorisation: draw a flow of the prior, measure *it*, and correct it by what its reading differs from the given one, $x + K (y - A x - \sigma \eta)$. That is an exact sample, and with $C$ estimated from a set of flows it is the **ensemble Kalman** estimate of weather forecasts {cite}`evensen1994sequential`. The prior has modes: $C = \sum_i \lambda_i^2 m_i m_i^T$, with 255 orthonormal flows $m_i$.
''')

code("pg-exact", '''
C = modes * lam**2 @ modes.T
seen = A @ C @ A.T  # covariance of the readings, without their error
K = torch.linalg.solve(seen + SIGMA**2 * eye, A @ C).T
posterior = C - K @ A @ C  # its covariance
at_sensors = A @ posterior @ A.T


def exact(y):
    """Returns a sample of the posterior for each reading."""
    x = prior(len(y))
    return x + (y - measure(x)) @ K.T


def ensemble(y, members):
    """The ensemble Kalman estimate, for one reading."""
    x = prior(members)
    deviation, readings = x - x.mean(0), read(x) - read(x).mean(0)
    spread = readings.T @ readings / (members - 1) + SIGMA**2 * eye
    gain = torch.linalg.solve(spread, readings.T @ deviation / (members - 1)).T
    return (x + (y - measure(x)) @ gain.T)[:SAMPLES]
''')

md("pg-judge-text", r'''
We recover 32 flows with 64 samples each, and ask:

- **misfit**: mean of $|A x - y|^2 / (8 \sigma^2)$. Exact samples have 1: the flow behind a reading *does* differ from it by $\sigma$. Less is not better;
- **spread**: standard deviation of the samples over the exact one, at the sensors (after the decay) and of the whole flow;
- **error of the mean**: its distance from $K y$, in units of the posterior's standard deviation, without what 64 samples scatter;
- **coverage**: how often the true velocity lies in the central 90 % of the samples (64 exact samples have some 87 %);
- **divergence**, in units of the velocity gradient $\partial_x u$, and what a sample costs.
''')

code("pg-judge", '''
torch.manual_seed(run.seed + 1)
true = prior(PROBLEMS)
y = measure(true)
ys = y.repeat_interleave(SAMPLES, 0)  # a reading for each sample


def judge(x, calls=0, simulations=0):
    """Compares the samples of all problems with the exact posterior."""
    u, _ = faces(x)
    gradient = u.diff(dim=2).square().mean().sqrt() / DX
    divergence = flow.divergence(faces(x)).square().mean().sqrt() / gradient
    x = x.reshape(PROBLEMS, SAMPLES, -1)
    readings = x @ A.T
    off = (x.mean(1) - y @ K.T).square().sum(1).mean()
    noise = x.var(1).sum(1).mean() / SAMPLES
    low, high = x.quantile(0.05, dim=1), x.quantile(0.95, dim=1)
    return {
        "misfit": ((readings - y[:, None]) / SIGMA).square().mean().item(),
        "spread, sensors": (readings.var(1).mean(0).sum() / at_sensors.trace()).sqrt().item(),
        "spread, flow": (x.var(1).sum(1).mean() / posterior.trace()).sqrt().item(),
        "error of mean": ((off - noise).clamp(min=0) / posterior.trace()).sqrt().item(),
        "coverage": ((true > low) & (true < high)).float().mean().item(),
        "divergence": divergence.item(),
        "network calls": calls,
        "simulations": simulations,
    }


results = {
    "exact posterior": judge(exact(ys), 0, 1),
    "prior": judge(prior(len(ys))),
    "MAP, K y": judge((y @ K.T).repeat_interleave(SAMPLES, 0), 0, 1),
}
for members in (64, 1024):
    samples = torch.cat([ensemble(reading, members) for reading in y])
    results[f"ensemble of {members:,}"] = judge(samples, 0, members / SAMPLES)
''', tags=H)

md("pg-guide-text", r'''
## Guidance with a perfect prior

To see what guidance does by itself, the prior is given to it exactly. In the modes its denoiser is a division: for $z = a\, z_0 + s\, \epsilon$ with $z_0 \sim \mathcal N(0, \lambda^2)$

$$
\mathbb E[z_0 | z] = \frac{a \lambda^2}{a^2 \lambda^2 + s^2}\, z , \qquad \mathrm{Var}[z_0 | z] = \frac{s^2 \lambda^2}{a^2 \lambda^2 + s^2} .
$$ (pg-denoiser)

The sampler is that of {doc}`/notebooks/probabilistic/ddpm`: guess the clean flow and the noise, and mix them anew with less noise, on the circle $a = \cos\varphi$, $s = \sin\varphi$. Guidance adds the gradient of $\log p_t(y | x)$ to the score. **Diffusion posterior sampling** {cite}`chung2023diffusion` takes it as if the guess were the truth, $p_t(y | x) \approx \mathcal N(y; A \hat x_0, \sigma^2 I)$; exact is $\mathcal N(y; A \hat x_0, \sigma^2 I + A \Sigma A^T)$, where $\Sigma$ has the variances of {eq}`pg-denoiser` ({doc}`/book/probabilistic/constraints`). In the code this is one line, `if variance`.
''')

code("pg-guide", '''
def circle(steps):
    """Returns (a, s) from noise to data; the first a is small, not zero."""
    angles = [math.pi / 2 * (1 - k / steps) for k in range(steps + 1)]
    return [(max(math.cos(angle), 1e-4), math.sin(angle)) for angle in angles]


def velocities(w):
    """Returns what sensors read of velocities w, and its derivative."""
    return w, eye


def guided(y, steps, variance=True, fresh=False, weight=1.0, reading=velocities):
    """Samples with the exact prior; fresh: with new noise in each step, as DDPM."""
    sensors = A @ modes
    z = torch.randn(len(y), len(lam), device=run.device)
    for (a, s), (next_a, next_s) in pairwise(circle(steps)):
        total = a**2 * lam**2 + s**2
        clean = a * lam**2 / total * z
        expected, J = reading(clean @ sensors.T)
        error = SIGMA**2 / weight * eye[: y.shape[1], : y.shape[1]]
        if variance:
            error = error + J @ (sensors * (s**2 * lam**2 / total) @ sensors.T) @ J.mT
        pull = (J.mT @ torch.linalg.inv(error) @ (y - expected)[..., None])[..., 0]
        score = -z / total + a * lam**2 / total * (pull @ sensors)
        clean, noise = (z + s**2 * score) / a, -s * score
        sigma = next_s / s * math.sqrt(max(1 - (a / next_a) ** 2, 0)) if fresh else 0
        z = next_a * clean + math.sqrt(max(next_s**2 - sigma**2, 0)) * noise
        z = z + sigma * torch.randn_like(z)
    return z @ modes.T


GUIDED = {
    "with the variance": {"steps": 400},
    "with the variance, fresh noise": {"steps": 400, "fresh": True},
    "without": {"steps": 1000, "variance": False},
    "without, fresh noise": {"steps": 1000, "variance": False, "fresh": True},
    "without, fresh noise, weight ½": {
        "steps": 1000,
        "variance": False,
        "fresh": True,
        "weight": 0.5,
    },
}
for name, options in GUIDED.items():
    steps = options["steps"]
    results[f"guidance {name}"] = judge(guided(ys, **options), steps, steps)
few = judge(guided(ys, 200, variance=False))["misfit"]  # too few steps
''')

code("pg-guide-table", '''
def table(rows, caption, name):
    whole = ("network calls", "simulations")
    return Table(
        {row: results[row] for row in rows},
        rows="samples of",
        caption=caption,
        name=name,
        formats={"coverage": "{:.0%}", "divergence": "{:.2g}", "misfit": "{:.3g}"}
        | dict.fromkeys(("spread, sensors", "spread, flow", "error of mean"), "{:.2f}")
        | dict.fromkeys(whole, "{:,.0f}"),
    )


table(
    list(results),
    "Samples of methods that know the prior exactly, for 32 flows. Misfit, spreads: "
    "exact is 1.",
    "pg-guide-table",
)
''', tags=H)

md("pg-guide-after", r'''
GUIDE-AFTER
''')

md("pg-learn-text", r'''
## A network that learned from pairs

Now the prior is not known, only pairs of flows and readings, in any number. A network learns the velocity $v_\theta(x_t, y, t)$ of flow matching, as in {doc}`/notebooks/probabilistic/flow_matching`. It answers with the guess $D$ of the clean flow, from which the velocity follows by {eq}`constraints-guess`, $v = (x_t - D) / t$ (with $t + 0.02$ in the denominator, for the end of the path). That spares it to pass 512 numbers of noise through its 256 neurons.
''')

code("pg-network", '''
def waves(t):
    """Four sines and cosines of the time, (batch, 8)."""
    phase = math.pi / 2 * t * torch.arange(1, 5, device=t.device)
    return torch.cat([phase.sin(), phase.cos()], dim=1)


class Velocity(nn.Module):
    """Three residual layers; knows the noisy flow, the reading and the time."""

    def __init__(self, readings):
        super().__init__()
        self.first = nn.Linear(2 * N * N + readings + 8, WIDTH)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.last = nn.Linear(WIDTH, 2 * N * N)

    def forward(self, x, t, y):
        h = functional.silu(self.first(torch.cat([x, y, waves(t)], dim=1)))
        for layer in self.layers:
            h = h + functional.silu(layer(h))
        return (x - self.last(h)) / (t + NEAR)
''', tags=H)

code("pg-train", '''
def train(model, operator, updates, latest=1.0, penalty=0.0):
    """Fits a velocity to new pairs; t is at most latest; penalty on divergence."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=updates, pct_start=0.05
    )
    for _ in run.progress(range(updates)):
        x = prior(BATCH)
        y, noise = measure(x, operator), torch.randn_like(x)
        t = torch.arange(BATCH, device=run.device) + torch.rand(BATCH, device=run.device)
        t = latest * t[:, None] / BATCH  # each part of the time once
        x_t = (1 - t) * x + t * noise
        velocity = model(x_t, t, y)
        loss = (velocity - (noise - x)).square().mean()
        if penalty:
            guess = x_t - (t + NEAR) * velocity
            loss = loss + penalty * flow.divergence(faces(guess)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.requires_grad_(False)


@torch.no_grad()
def euler(model, y, steps, control=None, latest=1.0):
    """Follows the velocity from noise to flows; the control takes over at latest."""
    x = torch.randn(len(y), 2 * N * N, device=run.device)
    for k in range(steps):
        t = 1 - k / steps
        now = control if control is not None and t < latest + 1e-6 else model
        x = x - now(x, torch.full((len(x), 1), t, device=run.device), y) / steps
    return x


torch.manual_seed(run.seed)
model = train(Velocity(len(A)).to(run.device), read, UPDATES)
for steps in (5, 20, 50, 200):
    results[f"network, {steps} steps"] = judge(euler(model, ys, steps), steps)
''')

md("pg-plateau-text", r'''
PLATEAU
''')

md("pg-control-text", r'''
## A control

In each step the guess $D$ is simulated, and the gradient of the cost $C = |A D - y|^2 / (2 \sigma)$ enters a small second network, which corrects the guess; the first network is frozen. To find out what does the work we train it in four ways, with the same loss and 600 updates each:

- **a step along the gradient** whose length depends on the time only, with 9 weights;
- **a network** that sees guess, gradient and cost, a ninth as large as the first one, plus such a step;
- the same network **without the signal**;
- the network **only in the last fifth** of the path, $t \le 0.2$, as published.
''')

code("pg-control", '''
class Control(nn.Module):
    """Corrects the guess of a frozen network by gradients of the simulated cost."""

    def __init__(self, model, operator, kind):
        super().__init__()
        self.frozen = [model]  # in a list: its weights are not the control's
        self.operator, self.kind = operator, kind
        if kind != "no signal":
            self.step = nn.Linear(8, 1)
        if kind == "two steps":
            self.second = nn.Linear(8, 1)
        if kind in ("network", "no signal"):
            inputs = 2 * N * N + 8 + (2 * N * N + 1) * (kind == "network")
            self.hidden, self.last = nn.Linear(inputs, 34), nn.Linear(34, 2 * N * N)
        for name, parameter in self.named_parameters():
            if not name.startswith("hidden"):  # at first it changes nothing
                nn.init.zeros_(parameter)

    def signal(self, x, y):
        """Returns the cost of flows, (batch, 1), and its gradient, as x."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            cost = (self.operator(x) - y).square().sum(1) / (2 * SIGMA)
            (gradient,) = torch.autograd.grad(cost.sum(), x)
        return cost[:, None].detach(), gradient

    def forward(self, x, t, y):
        old = x - (t + NEAR) * self.frozen[0](x, t, y)
        guess, known = old, [old, waves(t)]
        if self.kind != "no signal":
            cost, gradient = self.signal(old, y)
            known += [gradient, (1 + cost).log()]
            guess = guess - self.step(waves(t)) * gradient
        if self.kind == "two steps":
            guess = guess - self.second(waves(t)) * self.signal(x, y)[1]
        if self.kind in ("network", "no signal"):
            guess = guess + self.last(functional.silu(self.hidden(torch.cat(known, 1))))
        return (x - guess) / (t + NEAR)


CONTROLS = {
    "no signal": ("no signal", 1.0),
    "step": ("step", 1.0),
    "network": ("network", 1.0),
    "network, last fifth": ("network", 0.2),
    "two steps": ("two steps", 1.0),
}
controls = {}
for name, (kind, latest) in CONTROLS.items():
    torch.manual_seed(run.seed + 1)
    control = Control(model, read, kind).to(run.device)
    weights = sum(p.numel() for p in control.parameters())
    controls[name] = train(control, read, LATER, latest), latest, weights
    samples = euler(model, ys, 50, control, latest)
    simulations = 50 * latest * {"no signal": 0, "two steps": 2}.get(kind, 1)
    results[f"control: {name}"] = judge(samples, 50, round(simulations))
''')
