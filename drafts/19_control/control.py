"""Draft of issue 19: planner (OP) and actor (CFE) that steer a marker in an incompressible flow (facts/19).

Physics as in the chapter's mathematics: the actor's force is added to the velocity, then one step of fluids.Flow
(self-advection, projection), then the marker is carried along. The velocity is kept from step to step.
Distance of densities: energy of the potential flow between them, H^-1, by the flow's own Poisson solver, plus L2.
Run: python drafts/19_control/control.py SEED ; resumable, a file a stage in _artifacts/control/.
"""

import pathlib
import sys
import time

import torch
from torch import nn
from torch.nn import functional

from pbdl_helpers.fluids import Flow
from pbdl_helpers.runtime import setup

SIZE, FRAMES, DT = 64, 16, 1.0
run = setup(0)
flow = Flow((SIZE, SIZE), 1.0, x="slip", y="slip", device=run.device)


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


def place(count, generator):
    """Returns random shapes at random places, (count, y, x)."""
    shapes, out = library(), torch.zeros(count, SIZE, SIZE)
    kinds = torch.randint(10, (count,), generator=generator)
    corners = torch.randint(1, 32, (count, 2), generator=generator)
    for k in range(count):
        i, j = corners[k].tolist()
        out[k, i : i + 32, j : j + 32] = shapes[kinds[k]]
    return out


def rectangles(count, generator):
    """Returns moving rectangles, (count, 17, y, x)."""
    ends = torch.randint(10, 55, (count, 2, 2), generator=generator).float()
    size = torch.randint(6, 10, (count, 2), generator=generator)
    out = torch.zeros(count, FRAMES + 1, SIZE, SIZE)
    for n in range(count):
        for k in range(FRAMES + 1):
            tau = k / FRAMES
            cy, cx = (ends[n, 0] * (1 - tau) + ends[n, 1] * tau).round().long().tolist()
            h, w = size[n].tolist()
            out[n, k, cy - h // 2 : cy - h // 2 + h, cx - w // 2 : cx - w // 2 + w] = 1
    return out


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, padding_mode="replicate")
        self.second = nn.Conv2d(width, width, 3, padding=1, padding_mode="replicate")

    def forward(self, x):
        return functional.leaky_relu(x + self.second(functional.leaky_relu(self.first(x), 0.2)), 0.2)


class UNet(nn.Module):
    """Levels of 16 features, as in the source; inputs and outputs (n, channels, y, x)."""

    def __init__(self, inputs, outputs, levels, width=16):
        super().__init__()
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for level in range(levels):
            first = nn.Conv2d(width if level else inputs, width, 2, stride=2)
            self.downs.append(nn.Sequential(first, nn.ReLU(), Residual(width), Residual(width)))
        for level in range(levels):
            last = level == levels - 1
            conv = nn.Conv2d(width + (inputs if last else width), outputs if last else width, 3, padding=1)
            self.ups.append(conv if last else nn.Sequential(conv, nn.ReLU(), Residual(width), Residual(width)))

    def forward(self, x):
        states = [x]
        for down in self.downs:
            states.append(down(states[-1]))
        x = states.pop()
        for up in self.ups:
            x = functional.interpolate(x, scale_factor=2, mode="bilinear")
            x = up(torch.cat([states.pop(), x], 1))
        return x


class Controller(nn.Module):
    def __init__(self):
        super().__init__()
        self.planners = nn.ModuleDict({str(n): UNet(2, 1, 3) for n in (2, 4, 8, 16)})
        self.actor = UNet(4, 2, 2)

    def plan(self, n, before, after):
        """Returns the density half-way between two that are n frames apart; what it adds to their mean."""
        change = self.planners[str(n)](torch.stack([before, after], 1))[:, 0]
        return (before + after) / 2 + change

    def force(self, velocity, density, aim):
        u = flow.to_centres(velocity)
        return self.actor(torch.cat([density[:, None], aim[:, None], u], 1))


def step(velocity, density, force):
    """One frame: force, self-advection, projection, transport of the marker."""
    velocity = tuple(a + b for a, b in zip(velocity, flow.to_faces(force), strict=True))
    velocity = flow.project(flow.advect(flow.project(velocity), dt=DT))
    return velocity, flow.semi_lagrangian(density, "centre", velocity, dt=DT)


def execute(controller, density, target, frames=FRAMES):
    """Plans and acts, by halves; returns the densities, frames + 1, and the forces."""
    real, planned, forces = {0: density}, {frames: target}, []
    state = [flow.rest(len(density))]

    def solve(n, a):
        aim = planned[a + n]
        if n == 1:
            force = controller.force(state[0], real[a], aim)
            state[0], real[a + 1] = step(state[0], real[a], force)
            forces.append(force)
            return
        planned[a + n // 2] = controller.plan(n, real[a], aim)
        solve(n // 2, a)
        solve(n // 2, a + n // 2)

    solve(frames, 0)
    return [real[k] for k in range(frames + 1)], forces


def distance(density, target):
    """Returns H^-1 and L2 distances of each pair: the energy of the flow that carries one to the other, and squares."""
    difference = density - target
    balanced = difference - difference.mean((1, 2), keepdim=True)
    phi = flow.solve_pressure(balanced)
    return -0.5 * (phi * balanced).sum((1, 2)), difference.square().sum((1, 2))


def loss_of(density, target):
    far, near = distance(density, target)
    return (far + near).mean()


def relative_error(start, end, target):
    return ((end - target).abs().sum((1, 2)) / (start - target).abs().sum((1, 2))).mean().item()


STAGES = {"planners": 800, "actor": 600, "joint": 4000}
PENALTY = 0.02


def train(seed, budget):
    """Trains all stages, for at most ``budget`` seconds; goes on where it was."""
    folder = pathlib.Path("_artifacts/control")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{seed}.pt"
    torch.manual_seed(seed)
    controller = Controller().to(run.device)
    optimizer = torch.optim.Adam(controller.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(1000 + seed)
    log = {"stage": "planners", "update": 0, "rows": []}
    if file.exists():
        saved = torch.load(file)
        controller.load_state_dict(saved["controller"])
        optimizer.load_state_dict(saved["optimizer"])
        generator.set_state(saved["generator"])
        log = saved["log"]
    check = torch.Generator().manual_seed(5)
    start_v, target_v = place(32, check), place(32, check)
    begin = mark = time.perf_counter()
    while log["stage"] != "done" and time.perf_counter() - begin < budget:
        stage, k = log["stage"], log["update"]
        if stage == "planners":
            movie, loss = rectangles(16, generator), 0.0
            for n in (2, 4, 8, 16):
                a = torch.randint(0, FRAMES + 1 - n, (1,), generator=generator).item()
                plan = controller.plan(n, movie[:, a], movie[:, a + n])
                loss = loss + loss_of(plan, movie[:, a + n // 2])
        elif stage == "actor":
            movie = rectangles(16, generator)
            a = torch.randint(0, FRAMES - 3, (1,), generator=generator).item()
            velocity, density, loss = flow.rest(16), movie[:, a], 0.0
            for j in range(1, 5):
                force = controller.force(velocity, density, movie[:, a + j])
                velocity, density = step(velocity, density, force)
                loss = loss + loss_of(density, movie[:, a + j])
        else:
            start, target = place(8, generator), place(8, generator)
            densities, forces = execute(controller, start, target)
            effort = torch.stack(forces).square().sum((2, 3, 4)).mean()
            loss = loss_of(densities[-1], target) + PENALTY * effort
            for group in optimizer.param_groups:
                group["lr"] = 5e-4 * 0.5 ** (k / 1500)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(controller.parameters(), 10.0 if stage != "joint" else 100.0)
        optimizer.step()
        log["update"] = k + 1
        if (k + 1) % 50 == 0:
            with torch.no_grad():
                ends, forces = execute(controller, start_v, target_v)
                error = relative_error(start_v, ends[-1], target_v)
            row = (stage, k + 1, loss.item(), error, torch.stack(forces).square().mean().item(), time.perf_counter() - mark)
            mark = time.perf_counter()
            log["rows"].append(row)
            print(*row, flush=True)
        if log["update"] == STAGES[stage]:
            names = list(STAGES)
            log["stage"] = ([*names, "done"])[names.index(stage) + 1]
            log["update"] = 0
        if (k + 1) % 50 == 0:
            torch.save(
                {
                    "controller": controller.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "generator": generator.get_state(),
                    "log": log,
                },
                file,
            )


if __name__ == "__main__":
    train(int(sys.argv[1]), float(sys.argv[2]))
