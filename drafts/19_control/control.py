"""Draft of issue 19: planner (OP) and actor (CFE) that steer a marker in an incompressible flow (facts/19)."""

import copy
import json
import math
import pathlib
import sys
import time

import torch
from torch import nn
from torch.nn import functional

from pbdl_helpers.fluids import Flow
from pbdl_helpers.runtime import keep_freed_memory

SIZE, FRAMES, DT = 64, 16, 1.0
torch.set_num_threads(1)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
flow = Flow((SIZE, SIZE), 1.0, x="slip", y="slip", device=DEVICE)
PENALTY = 0.005


def library():
    """Returns ten shapes of about 124 cells, (10, 32, 32)."""
    y, x = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(32) + 0.5, indexing="ij")

    def box(w, h, cx=16, cy=16):
        return ((x - cx).abs() < w / 2) & ((y - cy).abs() < h / 2)

    triangle = (y > 8) & (y < 24) & ((x - 16).abs() < (24 - y) / 2)
    shapes = [
        box(8, 8, 12, 12) | box(8, 8, 20, 20),
        (x - 16) ** 2 + (y - 16) ** 2 < 6.3**2,
        box(32, 4),
        box(4, 32),
        box(16, 8),
        box(8, 16),
        (x - 16).abs() + (y - 16).abs() < 8,
        box(11, 11, 16.5, 16.5),
        triangle,
        triangle.flip(0),
    ]
    return torch.stack(shapes).float()


SHAPES = library()


def place(count, generator):
    """Returns random shapes at random places, (count, y, x)."""
    kinds = torch.randint(10, (count,), generator=generator)
    corners = torch.randint(1, 30, (count, 2), generator=generator)
    rows, columns = (corners[:, i, None] + torch.arange(32) for i in (0, 1))
    out = torch.zeros(count, SIZE, SIZE)
    out[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]] = SHAPES[kinds]
    return out


def rectangles(count, generator):
    """Returns moving rectangles, (17, count, y, x)."""
    ends = torch.randint(10, 56, (2, count, 2), generator=generator).float()
    size = torch.randint(6, 10, (count, 2), generator=generator)
    tau = torch.arange(FRAMES + 1).view(-1, 1, 1) / FRAMES
    low = (ends[0] * (1 - tau) + ends[1] * tau).round() - size // 2
    cells = torch.arange(SIZE)
    inside = (cells >= low[..., None]) & (cells < (low + size)[..., None])  # (17, count, 2, cells)
    return (inside[:, :, 0, :, None] & inside[:, :, 1, None, :]).float()


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return functional.leaky_relu(x + self.second(functional.leaky_relu(self.first(x), 0.2)), 0.2)


class UNet(nn.Module):
    """Levels of ``width`` features, as in the source; inputs and outputs (n, channels, y, x).

    ``fine``: a layer before and one after, at full resolution.
    """

    def __init__(self, inputs, outputs, levels, width=16, fine=False):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(inputs, width, 3, padding=1), nn.LeakyReLU(0.2)) if fine else nn.Identity()
        inputs = width if fine else inputs
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for level in range(levels):
            first = nn.Conv2d(width if level else inputs, width, 2, stride=2)
            self.downs.append(nn.Sequential(first, nn.ReLU(), Residual(width), Residual(width)))
        for _ in range(levels - 1):
            conv = nn.Conv2d(2 * width, width, 3, padding=1)
            self.ups.append(nn.Sequential(conv, nn.ReLU(), Residual(width), Residual(width)))
        if fine:
            conv = nn.Conv2d(2 * width, width, 3, padding=1)
            self.ups.append(nn.Sequential(conv, nn.LeakyReLU(0.2), nn.Conv2d(width, outputs, 3, padding=1)))
        else:
            self.ups.append(nn.Conv2d(width + inputs, outputs, 3, padding=1))

    def forward(self, x):
        states = [self.stem(x)]
        for down in self.downs:
            states.append(down(states[-1]))
        x = states.pop()
        for up in self.ups:
            x = functional.interpolate(x, scale_factor=2, mode="bilinear")
            x = up(torch.cat([states.pop(), x], 1))
        return x


class Controller(nn.Module):
    def __init__(self, stream=False, scheme="mac_cormack", loss="h1"):
        super().__init__()
        self.planners = nn.ModuleDict({str(n): UNet(2, 1, 3) for n in (2, 4, 8, 16)})
        self.stream, self.scheme, self.loss = stream, scheme, loss
        self.actor = UNet(2, 1, 2, fine=True) if stream else UNet(4, 2, 2, fine=True)

    def plan(self, n, before, after):
        """Returns the density half-way between two that are n frames apart; what it adds to their mean."""
        change = self.planners[str(n)](torch.stack([before, after], 1))[:, 0]
        return (before + after) / 2 + change

    def act(self, velocity, density, aim, left=None):
        """One frame; returns velocity, density and force at faces."""
        if self.stream:
            psi = self.actor(torch.stack([density, aim], 1))[:, 0]
            new = curl(psi)
            force = tuple(a - b for a, b in zip(new, flow.project(flow.advect(velocity, dt=DT)), strict=True))
        else:
            u = flow.to_centres(velocity)
            inputs = torch.cat([density[:, None], aim[:, None], u], 1)
            if left is not None:
                inputs = torch.cat([inputs, torch.full_like(inputs[:, :1], left / FRAMES)], 1)
            force = flow.to_faces(self.actor(inputs))
            new = flow.step(velocity, dt=DT, force=force)
        return new, getattr(flow, self.scheme)(density, "centre", new, dt=DT), force

    def execute(self, density, target, frames=FRAMES):
        """Plans and acts, by halves; returns the densities, frames + 1, and the forces."""
        real, planned, forces = {0: density}, {frames: target}, []
        state = [flow.rest(len(density))]

        def solve(n, a):
            aim = planned[a + n]
            if n == 1:
                state[0], real[a + 1], force = self.act(state[0], real[a], aim)
                forces.append(force)
                return
            planned[a + n // 2] = self.plan(n, real[a], aim)
            solve(n // 2, a)
            solve(n // 2, a + n // 2)

        solve(frames, 0)
        return [real[k] for k in range(frames + 1)], forces


class Direct(Controller):
    def __init__(self, width=32, scheme="mac_cormack", loss="h1"):
        nn.Module.__init__(self)
        self.stream, self.scheme, self.loss = False, scheme, loss
        self.actor = UNet(5, 2, 3, width, fine=True)

    def execute(self, density, target, frames=FRAMES):
        densities, forces, velocity = [density], [], flow.rest(len(density))
        for k in range(frames):
            velocity, density, force = self.act(velocity, density, target, frames - k)
            densities.append(density)
            forces.append(force)
        return densities, forces


def curl(psi):
    corners = functional.pad(functional.avg_pool2d(psi[:, None], 2, 1)[:, 0], (1, 1, 1, 1))
    return corners.diff(dim=1), -corners.diff(dim=2)


def distance(density, target):
    """Returns H^-1 and L2 distances of each pair: the energy of the flow that carries one to the other, and squares."""
    difference = density - target
    balanced = difference - difference.mean((1, 2), keepdim=True)
    phi = flow.solve_pressure(balanced)
    return -0.5 * (phi * balanced).sum((1, 2)), difference.square().sum((1, 2))


FREQ = torch.fft.fftfreq(SIZE, device=DEVICE)
AXES = torch.exp(-(FREQ**2) / (2 * 0.01**2))
AXES = AXES[:, None] + AXES[None]


def loss_of(density, target, kind="h1"):
    if kind == "axes":  # the source's
        spectrum = torch.fft.fft2(density - target)
        return ((spectrum.real**2 + spectrum.imag**2) * AXES).sum((1, 2)).mean() * 1e-2
    far, near = distance(density, target)
    near = near + 0.5 * (density - target).abs().sum((1, 2))
    if kind == "root":
        return ((far + 0.1).sqrt() * 10 + near).mean()
    return (far + near).mean()


def effort_of(forces):
    """Returns the sum of squares of the forces on all faces, a step, mean over steps and pairs."""
    return sum(f.square().sum((1, 2)).mean() for force in forces for f in force) / len(forces)


def relative_error(start, end, target):
    return (end - target).abs().sum((1, 2)) / (start - target).abs().sum((1, 2))


# --- stages: what data they draw and what loss they take -------------------------------------------------------------


def planner_data(batch, g):
    movie, out = rectangles(batch, g), []
    for n in (2, 4, 8, 16):
        a = torch.randint(0, FRAMES + 1 - n, (1,), generator=g).item()
        out.append(torch.stack([movie[a], movie[a + n], movie[a + n // 2]]))
    return torch.stack(out)


def planner_loss(c, data):
    return sum(loss_of(c.plan(n, *data[i, :2]), data[i, 2], c.loss) for i, n in enumerate((2, 4, 8, 16)))


def actor_data(batch, g):
    a = torch.randint(0, FRAMES - 3, (1,), generator=g).item()
    return rectangles(batch, g)[a : a + 5].contiguous()


def actor_loss(c, data):
    velocity, density, forces, loss = flow.rest(data.shape[1]), data[0], [], 0.0
    for j in range(1, 5):
        velocity, density, force = c.act(velocity, density, data[j])
        forces.append(force)
        loss = loss + loss_of(density, data[j], c.loss)
    return loss + 4 * PENALTY * effort_of(forces)


def joint_data(batch, g):
    return place(2 * batch, g).view(2, batch, SIZE, SIZE)


def joint_loss(c, data):
    densities, forces = c.execute(*data)
    return loss_of(densities[-1], data[1], c.loss) + PENALTY * effort_of(forces[1:] if c.stream else forces)


STAGES = {
    "planners": (planner_data, planner_loss),
    "actor": (actor_data, actor_loss),
    "joint": (joint_data, joint_loss),
}


class Trainer:
    """One stage of one controller; on a GPU the whole update is one CUDA graph."""

    def __init__(self, controller, stage, batch, rate, clip):
        self.c, self.batch, self.clip, self.rate = controller, batch, clip, rate
        self.data, self.loss = STAGES[stage]
        part = {"planners": "planners", "actor": "actor"}.get(stage)
        self.params = list((getattr(controller, part) if part else controller).parameters())
        self.cuda = DEVICE == "cuda"
        lr = torch.tensor(rate, device=DEVICE) if self.cuda else rate
        self.opt = torch.optim.Adam(self.params, lr=lr, capturable=self.cuda)
        self.graph = None

    def update(self):
        self.opt.zero_grad(set_to_none=not self.cuda)
        loss = self.loss(self.c, self.input)
        loss.backward()
        self.norm = nn.utils.clip_grad_norm_(self.params, self.clip)
        self.opt.step()
        return loss.detach()

    def prepare(self, g):
        self.input = self.data(self.batch, g).to(DEVICE)
        self.stream = torch.cuda.Stream()
        self.stream.wait_stream(torch.cuda.current_stream())
        saved = copy.deepcopy(self.c.state_dict())
        with torch.cuda.stream(self.stream):
            for _ in range(3):
                self.update()
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=self.stream):
            self.out = self.update()
        torch.cuda.synchronize()
        with torch.no_grad():
            for name, value in self.c.state_dict().items():
                value.copy_(saved[name])
            for state in self.opt.state.values():
                for value in state.values():
                    value.zero_()
        torch.cuda.synchronize()

    def step(self, g, fraction):
        rate = self.rate * min(1.0, fraction * 50 + 0.02) * (0.5 * (1 + math.cos(math.pi * fraction)))
        data = self.data(self.batch, g)
        if not self.cuda:
            for group in self.opt.param_groups:
                group["lr"] = rate
            self.input = data
            self.out = self.update()
            return
        if self.graph is None:
            self.prepare(g)
        data = data.pin_memory()
        with torch.cuda.stream(self.stream):
            self.opt.param_groups[0]["lr"].fill_(rate)
            self.input.copy_(data, non_blocking=True)
            self.graph.replay()


def evaluate(c, seed=5, count=100):
    g = torch.Generator().manual_seed(seed)
    start, target = (x.to(DEVICE) for x in joint_data(count, g))
    with torch.no_grad():
        densities, forces = c.execute(start, target)
        errors = relative_error(start, densities[-1], target)
        return errors.mean().item(), errors.median().item(), effort_of(forces).item()


def build(kind, seed):
    torch.manual_seed(seed)
    options = {
        "hier": dict(),
        "scratch": dict(),
        "sl": dict(scheme="semi_lagrangian"),
        "stream": dict(stream=True),
        "axes": dict(loss="axes"),
        "root": dict(loss="root"),
    }
    return (Direct() if kind == "direct" else Controller(**options[kind])).to(DEVICE)


def main(names, out, seconds, batch=32, rates=(1e-3, 1e-3, 1e-3), pre=(1000, 1000), updates=None):
    """Trains all controllers of ``names`` ("kind-seed") at once."""
    out = pathlib.Path(out)
    cs = {name: build(name.split("-")[0], int(name.split("-")[1])) for name in names}
    g = {name: torch.Generator().manual_seed(1000 + int(name.split("-")[1])) for name in names}
    rows = []

    def say(*row):
        rows.append(row)
        print(*row, flush=True)
        (out / "log.json").write_text(json.dumps(rows))

    begin = time.perf_counter()
    for stage, count, rate in (("planners", pre[0], rates[0]), ("actor", pre[1], rates[1]), ("joint", updates, rates[2])):
        chosen = [n for n in names if stage == "joint" or n.split("-")[0] not in ("direct", "scratch")]
        trainers = {n: Trainer(cs[n], stage, batch, rate, 1e3) for n in chosen}
        mark = time.perf_counter()
        k = 0
        while True:
            if stage == "joint" and count is None and k == 20:
                torch.cuda.synchronize() if DEVICE == "cuda" else None
                each = (time.perf_counter() - mark2) / 15
                count = int((seconds - (time.perf_counter() - begin)) / each * 0.95)
                print("joint updates", count, "each", each, flush=True)
            if k == 5:
                torch.cuda.synchronize() if DEVICE == "cuda" else None
                mark2 = time.perf_counter()
            if count is not None and k >= count:
                break
            for n in chosen:
                trainers[n].step(g[n], k / (count or 10000))
            k += 1
            if k % max(10, (count or 10**9) // 12) == 0 or k == count:
                if DEVICE == "cuda":
                    torch.cuda.synchronize()
                for n in chosen:
                    say(stage, k, n, round(trainers[n].out.item(), 3), *(round(x, 4) for x in evaluate(cs[n])),
                        "norm %.3g" % trainers[n].norm.item(), round(time.perf_counter() - begin, 1))
                if DEVICE == "cuda":
                    torch.cuda.synchronize()
        for n in chosen:
            torch.save(cs[n].state_dict(), out / f"{n}-{stage}.pt")
        del trainers
        if DEVICE == "cuda":
            torch.cuda.empty_cache()
    print("memory", torch.cuda.max_memory_allocated() / 1e9 if DEVICE == "cuda" else 0)


if __name__ == "__main__":
    if DEVICE == "cpu":
        keep_freed_memory()
    options = json.loads(sys.argv[1])
    main(**options)
