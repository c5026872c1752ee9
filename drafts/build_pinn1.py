import sys; sys.path.insert(0,"/tmp/nb")
from edit import edit, sub
NB="/work/main/notebooks/physical_losses/burgers_pinn.ipynb"
R={"tags":["recipe"]}; HR={"tags":["hide-input","recipe"]}
C={}; M={}
C["8dd7e778"]='''
import copy
import math
import time
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from pbdl_helpers import burgers, checkpoints, datasets, plotting
from pbdl_helpers.claims import Claims
from pbdl_helpers.runtime import setup
from pbdl_helpers.tables import Table
from torch import nn

run = setup(seed=0)
plotting.style()
'''
M["8dd7e778"]=HR
C["fd3e2b60"]='''
NU = 0.01 / math.pi  # viscosity
LAYERS, WIDTH = 8, 20  # hidden layers and their units
N_OBSERVED, N_BOUNDARY, N_RESIDUAL = 100, 100, 1000  # points
ETA_DESCENT = 0.02  # gradient descent, constant
ETA_ADAM = 1e-3  # Adam, annealed to zero along a cosine
STEPS = run.pick(book=10_000, full=50_000)  # of gradient descent and of Adam
LBFGS_STEPS = run.pick(book=4_000, full=20_000)
SHORT_STEPS = run.pick(book=1_500, full=10_000)  # of the exercises
SEEDS = range(5)  # each with its own points and initial weights
'''
M["fd3e2b60"]=R
C["679d8dd6"]='''
exact = torch.tensor(datasets.load("burgers").sims[1][:, 0])  # (33 times, 128 cells)
centres = burgers.cell_centres(128, dtype=torch.float32)
times = torch.arange(33) / 32


def points(x, t):
    """Returns pairs (x, t), shape (n, 2)."""
    return torch.stack(torch.broadcast_tensors(x, t), dim=-1).reshape(-1, 2)


def draw_residual_points(generator):
    x, t = torch.rand(2, N_RESIDUAL, generator=generator)
    return points(2 * x - 1, t).to(run.device)


def draw_problem(seed, observed=0.5):
    """Returns known points and their values, and the points of the residual."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(128, generator=generator)[:N_OBSERVED]
    seen = points(centres[chosen], torch.tensor(observed))
    side = torch.ones(N_BOUNDARY)
    side[: N_BOUNDARY // 2] = -1
    boundary = points(side, torch.rand(N_BOUNDARY, generator=generator))
    values = torch.cat([exact[round(32 * observed), chosen], torch.zeros(N_BOUNDARY)])
    known = torch.cat([seen, boundary]).to(run.device), values.to(run.device)
    return *known, draw_residual_points(generator)
'''
M["679d8dd6"]=R
C["083c4181"]='''
def make_network(seed=0, activation=nn.Tanh):
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for inputs, outputs in pairwise([2] + LAYERS * [WIDTH]):
        layers += [nn.Linear(inputs, outputs), activation()]
    network = nn.Sequential(*layers, nn.Linear(WIDTH, 1), nn.Flatten(0))
    for layer in network:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
    return network.to(run.device)
'''
M["083c4181"]=R
C["bc0d7c2c"]='''
def residual(network, where):
    where = where.detach().requires_grad_()
    u = network(where)
    (first,) = torch.autograd.grad(u.sum(), where, create_graph=True)
    u_x, u_t = first[:, 0], first[:, 1]
    (second,) = torch.autograd.grad(u_x.sum(), where, create_graph=True)
    return u_t + u * u_x - NU * second[:, 0]


def roughness(network):
    """Returns the mean squared slope of the state at t = 0, between cell centres."""
    u = network(points(centres, torch.tensor(0.0)).to(run.device))
    return ((u.roll(-1) - u) * 64).square().mean()


def loss_function(network, problem, weight=1.0, smooth=0.0):
    known_points, known_values, where = problem
    mismatch = network(known_points) - known_values
    loss = mismatch.square().mean() + weight * residual(network, where).square().mean()
    if smooth:
        loss = loss + smooth * roughness(network)
    return loss / 2
'''
M["bc0d7c2c"]=R
C["6d332774"]='''
def first_order(network, problem, optimizer, steps, schedule=None, fresh=None, **terms):
    """Returns the loss before each step; the generator fresh redraws the points."""
    history = []
    for _ in run.progress(range(steps)):
        if fresh:
            problem = *problem[:2], draw_residual_points(fresh)
        loss = loss_function(network, problem, **terms)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if schedule:
            schedule.step()
        history.append(loss.item())
    return history


def second_order(network, problem, steps, **terms):
    """Returns the loss of each evaluation by L-BFGS."""
    optimizer = torch.optim.LBFGS(
        network.parameters(),
        max_iter=steps,
        max_eval=2 * steps,
        history_size=50,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )
    history = []

    def closure():
        optimizer.zero_grad()
        loss = loss_function(network, problem, **terms)
        loss.backward()
        history.append(loss.item())
        return loss

    optimizer.step(closure)
    return history


def train(seed, updates, finish, *, method="annealed", observed=0.5, fresh=False, **terms):
    """Returns a network trained by updates of first order and a finish by L-BFGS."""
    network, problem = make_network(seed), draw_problem(seed, observed)
    if method == "descent":
        optimizer = torch.optim.SGD(network.parameters(), lr=ETA_DESCENT)
    else:
        optimizer = torch.optim.Adam(network.parameters(), lr=ETA_ADAM)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR
    schedule = cosine(optimizer, updates) if method == "annealed" else None
    redraw = torch.Generator().manual_seed(seed) if fresh else None
    history = first_order(
        network, problem, optimizer, updates, schedule, redraw, **terms
    )
    if finish:
        history += second_order(network, problem, finish, **terms)
    return network, history
'''
M["6d332774"]=R
INS=[]
INS.append(("6d332774","code","p37a0001",{"tags":["hide-input","recipe"]},'''
FULL = {"updates": STEPS, "finish": LBFGS_STEPS}
FIRST = {"updates": STEPS, "finish": 0}
VARIANTS = {
    "descent": FIRST | {"method": "descent"},
    "constant": FIRST | {"method": "constant"},
    "adam": FIRST,
    "both": FULL,
    "light": FULL | {"weight": 0.1},
    "heavy": FULL | {"weight": 10.0},
    "fresh": FULL | {"fresh": True},
    "later": FULL | {"observed": 0.75},
    "forward": FULL | {"observed": 0.0},
    "smooth_3e-5": FULL | {"smooth": 3e-5},
    "smooth_1e-4": FULL | {"smooth": 1e-4},
    "smooth_3e-4": FULL | {"smooth": 3e-4},
    "smooth_1e-3": FULL | {"smooth": 1e-3},
}
'''))
if __name__=="__main__":
    edit(NB,C,INS,(),M)
