# ---- imports
import math
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from pbdl_helpers import checkpoints, datasets, plotting
from pbdl_helpers.claims import Claims
from pbdl_helpers.control import (
    DT,
    NU,
    STEPS,
    BurgersControl,
    StableBaselines,
    TravellingJet,
    advance,
    draw_cases,
    jet,
)
from pbdl_helpers.runtime import setup
from pbdl_helpers.tables import Table
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn
from torch.nn.functional import gumbel_softmax, interpolate, one_hot, pad

run = setup(seed=0)
plotting.style()
# ---- settings
CELLS = 32
WEIGHT = STEPS / DT**2  # of the squared error at the target, as published: 35,556
SOFT = 8_000.0  # a smaller weight for the training
CHANNELS = (4, 8, 16, 16, 16)  # of the five levels of actor and critic
N_CASES = 100  # tasks to choose settings by, and as many for the results
LIVE_ROLLOUTS = run.pick(book=250, full=1_562)  # of 512 tasks: 4 million steps
LIVE_UPDATES = run.pick(book=2_000, full=4_000)  # of 100 tasks, by gradient
LARGEST = 5.0  # force, of the colour scale
JET_ROLLOUTS = 1_220  # of 512 tasks: 20 million steps
PUBLISHED_ROLLOUTS = run.pick(book=780, full=1_563)  # of 256: 6.4, 12.8 million steps
SEEDS = range(3)
FIVE = range(5)

# tasks for choosing settings and for results; trainings draw with other seeds
validation, test = (
    draw_cases(N_CASES, torch.Generator().manual_seed(seed)) for seed in (1, 2)
)
# ---- play
def observe(u, target, t):
    return torch.stack([u, target, torch.full_like(u, t / STEPS)], 1)


def play(act, cases, *, dt=DT, nu=NU, gusts=None):
    """Returns states (33, tasks, cells) and forces (32, tasks, cells) of a policy."""
    states, forces = [cases.start], []
    for t in range(STEPS):
        forces.append(act(observe(states[-1], cases.target, t)))
        u = advance(states[-1], forces[-1], dt=dt, nu=nu)
        states.append(u if gusts is None else u + gusts[t])
    return torch.stack(states), torch.stack(forces)


def measure(states, forces, target, weight=WEIGHT):
    """Returns squared force, error at the target and return, each of shape (tasks,)."""
    effort = forces.square().sum((0, 2))
    miss = (target - states[-1]).square()
    return effort, miss.mean(1).sqrt(), -effort - weight * miss.sum(1)
# ---- networks
class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv1d(channels, channels, 3, padding=1)
        self.second = nn.Conv1d(channels, channels, 3, padding=1)

    def forward(self, x):
        return torch.relu(x + self.second(torch.relu(self.first(x))))


def level(inputs, outputs, **stride):
    conv = nn.Conv1d(inputs, outputs, 2, **stride)
    return nn.Sequential(conv, nn.ReLU(), Residual(outputs), Residual(outputs))


class UNet(nn.Module):
    """Fields of shape (batch, inputs, 32) to one of shape (batch, 32)."""

    def __init__(self, inputs):
        super().__init__()
        ins = (inputs, *CHANNELS[:-1])
        pairs = zip(ins, CHANNELS, strict=True)
        self.down = nn.ModuleList(level(i, o, stride=2) for i, o in pairs)
        self.middle = nn.Sequential(*(Residual(16) for _ in range(3)))
        self.up = nn.ModuleList(level(16 + skip, 16) for skip in reversed(ins))
        self.last = nn.Conv1d(16, 1, 1)

    def forward(self, x):
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        x = self.middle(x)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            wider = interpolate(x, scale_factor=2, mode="linear")
            x = up(pad(torch.cat([wider, skip], 1), (0, 1)))
        return self.last(x)[:, 0]


class Critic(nn.Sequential):
    def __init__(self, inputs):
        layers = []
        for i, o in zip((inputs, *CHANNELS[:-1]), CHANNELS, strict=True):
            layers += [nn.Conv1d(i, o, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2)]
        super().__init__(*layers, nn.Conv1d(CHANNELS[-1], 16, 1), nn.Flatten())


class ActorAndCritic(nn.Module):
    """What Stable-Baselines3 puts before its last linear layers."""

    latent_dim_pi, latent_dim_vf = CELLS, 16

    def __init__(self):
        super().__init__()
        self.actor, self.critic = UNet(3), Critic(3)

    def forward(self, x):
        return self.forward_actor(x), self.forward_critic(x)

    def forward_actor(self, x):
        return self.actor(x.unflatten(1, (3, CELLS)))

    def forward_critic(self, x):
        return self.critic(x.unflatten(1, (3, CELLS)))


class PublishedPolicy(ActorCriticPolicy):
    def _build_mlp_extractor(self):
        self.mlp_extractor = ActorAndCritic()
# ---- mean
def mean_of(policy):
    """Returns the policy without its noise."""
    return lambda o: policy.get_distribution(o).distribution.mean


def sample_of(policy):
    return lambda o: policy.get_distribution(o).distribution.sample()


@torch.no_grad()
def judge(act, cases=validation):
    states, forces = play(act, cases)
    effort, error, total = (m.mean().item() for m in measure(states, forces, cases.target))
    return {"force": effort, "error": error, "return": total}


def play_jet(policy, cases):
    """Returns the errors of the most likely actions, shape (tasks,)."""
    env = TravellingJet(len(cases.start), cases=cases)
    observations, _ = env.reset()
    for _ in range(STEPS):
        actions, _ = policy.predict(observations, deterministic=True)
        observations, *_, infos = env.step(actions)
    last = torch.from_numpy(infos["final_obs"])
    return (last[:, 0] - last[:, 1]).square().mean(1).sqrt()


def judge_jet(policy):
    return {"error": play_jet(policy, validation).mean().item()}
# ---- ppo
def make_agent(
    seed,
    *,
    on_jet=False,
    published=False,
    tasks=512,
    batch=2048,
    epochs=3,
    rate=2e-3,
    clip=0.2,
    entropy=0.0,
    noise=2.0,
    weight=SOFT,
    gamma=1.0,
    scale=None,
    kl=None,
):
    """Returns PPO before its training; scale divides the rewards, or a running one."""
    task = TravellingJet if on_jet else BurgersControl
    env = StableBaselines(task(tasks, weight=weight))
    env.seed(1000 + seed)
    env = VecNormalize(env, scale is None, norm_obs=False, gamma=gamma, clip_reward=1e9)
    if scale:
        env.ret_rms.var = scale**2
    small = {
        "net_arch": [64, 64],  # of the actor, and as much of the critic
        "activation_fn": nn.SiLU,
    }
    return PPO(
        PublishedPolicy if published else "MlpPolicy",
        env,
        n_steps=STEPS,
        batch_size=batch,
        n_epochs=epochs,
        learning_rate=lambda remaining: rate * remaining,
        clip_range=clip,
        ent_coef=entropy,
        gamma=gamma,
        target_kl=kl,
        policy_kwargs={"log_std_init": math.log(noise)} | ({} if published else small),
        seed=seed,
        device="cpu",
    )


class Log(BaseCallback):
    """Notes some thirty times how good the policy is, and the time and steps so far."""

    def __init__(self, updates, judge_policy):
        super().__init__()
        self.updates, self.judge = updates, judge_policy
        self.rows, self.seconds = [], 0.0

    def note(self):
        row = {"seconds": self.seconds, "steps": self.num_timesteps}
        self.rows.append(row | self.judge(self.model.policy))

    def _on_rollout_start(self):
        rollout = self.num_timesteps // (STEPS * self.training_env.num_envs)
        if rollout % max(1, self.updates // 30) == 0:
            self.seconds = time.process_time() - self.start
            self.note()

    def _on_training_start(self):
        self.start = time.process_time()

    def _on_step(self):
        return True

    def _on_training_end(self):
        self.seconds = time.process_time() - self.start
        self.note()


def train_ppo(seed, updates, *, first=None, **options):
    """Returns the policy after some rollouts and updates, and the log."""
    agent = make_agent(seed, **options)
    if first:  # the weights of another training, with the noise of this one
        noise = agent.policy.log_std.detach().clone()
        agent.policy.load_state_dict(train(seed, **first)[0].state_dict())
        agent.policy.log_std.data = noise
    on_jet = options.get("on_jet", False)
    log = Log(updates, judge_jet if on_jet else lambda policy: judge(mean_of(policy)))
    agent.learn(updates * agent.n_steps * agent.n_envs, callback=log)
    return agent.policy, log.rows
# ---- gradients
def descend(network, loss_of, judge_network, updates, tasks, rate, seed, clip=math.inf):
    """Minimises loss_of(cases) by Adam, fresh tasks in each update; returns the log."""
    generator = torch.Generator().manual_seed(1000 + seed)
    optimizer = torch.optim.Adam(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, updates)
    log, start = [], time.process_time()
    for i in run.progress(range(updates + 1)):
        if i % max(1, updates // 30) == 0 or i == updates:
            row = {"seconds": time.process_time() - start, "steps": i * tasks * STEPS}
            log.append(row | judge_network())
        if i < updates:
            loss = loss_of(draw_cases(tasks, generator)) / tasks
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), clip)
            optimizer.step()
            schedule.step()
    return log


def train_direct(seed, updates, *, first=None, tasks=100, rate=3e-3, weight=WEIGHT, **of):
    """Trains the policy by gradients through the 32 steps; returns it and the log."""
    policy = make_agent(seed, **of).policy
    if first:
        policy.load_state_dict(train(seed, **first)[0].state_dict())
    act = mean_of(policy)

    def loss_of(cases):
        return -measure(*play(act, cases), cases.target, weight)[2].sum()

    log = descend(policy, loss_of, lambda: judge(act), updates, tasks, rate, seed)
    return policy, log
# ---- plan
class Planner(nn.Module):
    """Five networks: each puts states in the middle between those it gets."""

    def __init__(self):
        super().__init__()
        self.networks = nn.ModuleList(UNet(2) for _ in range(5))

    def forward(self, start, target):
        """Returns all states, shape (33, tasks, cells)."""
        states = torch.stack([start, target])
        for network in self.networks:
            before, after = states[:-1], states[1:]
            pairs = torch.stack([before, after], 2).flatten(0, 1)
            middle = (before + after) / 2 + network(pairs).view_as(before)
            woven = torch.stack([before, middle], 1).flatten(0, 1)
            states = torch.cat([woven, after[-1:]])
        return states


def forces_of(states, dt=DT, nu=NU):
    """Returns the forces that take each state to the next."""
    return (states[1:] - advance(states[:-1], 0.0, dt=dt, nu=nu)) / dt


def train_planner(seed, updates, *, tasks=32, rate=1e-2):
    planner = Planner()

    def loss_of(cases):
        return forces_of(planner(cases.start, cases.target)).square().sum()

    @torch.no_grad()
    def judge_plan():
        effort = loss_of(validation).item() / N_CASES
        return {"force": effort, "error": 0.0, "return": -effort}

    log = descend(planner, loss_of, judge_plan, updates, tasks, rate, seed)
    return planner, log
# ---- straight
def train_straight(seed, updates, *, tasks=100, rate=1e-3, temperature=1.0, clip=1.0):
    """Trains choices of the jet by gradients that pretend they were smooth."""
    policy = make_agent(seed, on_jet=True).policy
    moves = torch.arange(9) // 3 - 1.0
    blows = torch.arange(9) % 3 - 1.0

    def loss_of(cases):
        u, place = cases.start, torch.full((len(cases.start),), CELLS / 2)
        for t in range(STEPS):
            channels = [observe(u, cases.target, t), jet(place.detach())[:, None]]
            logits = policy.get_distribution(torch.cat(channels, 1)).distribution.logits
            choice = gumbel_softmax(logits, temperature, hard=True)
            place = place + choice @ moves
            u = advance(u, 4 * (choice @ blows)[:, None] * jet(place))
        return (u - cases.target).square().sum()

    def judge_now():
        return judge_jet(policy)

    return policy, descend(
        policy, loss_of, judge_now, updates, tasks, rate, seed, clip
    )
# ---- variants
METHODS = {
    "ppo": train_ppo,
    "direct": train_direct,
    "plan": train_planner,
    "straight": train_straight,
}


def train(seed, updates, method, **options):
    return METHODS[method](seed, updates, **options)


def build(method, published=False, on_jet=False):
    if method == "plan":
        return Planner()
    jets = on_jet or method == "straight"
    return make_agent(0, published=published, on_jet=jets).policy


SHORT = {"method": "ppo", "updates": 92, "seeds": [0], "keep": False}
LONG = SHORT | {"updates": 781}  # 12.8 million steps
DIRECT = {"method": "direct", "updates": 4_000}
PLAN = {"method": "plan", "updates": 1_200}
STRAIGHT = {"method": "straight", "updates": 5_000, "seeds": [0], "keep": False}
AFTER_DIRECT = {
    "method": "ppo",
    "updates": 180,
    "noise": 0.1,
    "rate": 3e-4,
    "weight": WEIGHT,
    "first": {"method": "direct", "updates": 4_000},
    "keep": False,
}
VARIANTS = {
    "ppo_published": {
        "method": "ppo",
        "published": True,
        "updates": PUBLISHED_ROLLOUTS,
        "tasks": 256,
        "batch": 1024,
        "epochs": 5,
        "rate": 3e-3,
        "clip": 0.4,
    },
    "grid": SHORT,
    "grid_rate_5e-4": SHORT | {"rate": 5e-4},
    "grid_rate_1e-3": SHORT | {"rate": 1e-3},
    "grid_rate_4e-3": SHORT | {"rate": 4e-3},
    "grid_batch_512": SHORT | {"batch": 512},
    "grid_batch_8192": SHORT | {"batch": 8192},
    "grid_epochs_10": SHORT | {"epochs": 10},
    "grid_clip_01": SHORT | {"clip": 0.1},
    "grid_clip_04": SHORT | {"clip": 0.4},
    "grid_entropy_1e-3": SHORT | {"entropy": 1e-3},
    "grid_entropy_1e-2": SHORT | {"entropy": 1e-2},
    "grid_noise_05": SHORT | {"noise": 0.5},
    "grid_noise_1": SHORT | {"noise": 1.0},
    "grid_noise_4": SHORT | {"noise": 4.0},
    "grid_weight_1111": SHORT | {"weight": 1_111.0},
    "grid_weight_35556": SHORT | {"weight": WEIGHT},
    "grid_scale_1e4": SHORT | {"scale": 1e4},
    "grid_scale_1": SHORT | {"scale": 1.0},
    "grid_gamma_099": SHORT | {"gamma": 0.99},
    "grid_tasks_128": SHORT | {"tasks": 128, "updates": 368},
    "grid_tasks_2048": SHORT | {"tasks": 2048, "updates": 23},
    "direct": DIRECT | {"seeds": FIVE},
    "direct_rate_1e-3": DIRECT | {"rate": 1e-3, "seeds": [0], "keep": False},
    "direct_rate_1e-2": DIRECT | {"rate": 1e-2, "seeds": [0], "keep": False},
    "direct_tasks_25": DIRECT | {"tasks": 25, "updates": 6_000, "seeds": [0], "keep": False},
    "direct_tasks_400": DIRECT | {"tasks": 400, "updates": 1_400, "seeds": [0], "keep": False},
    "direct_weight_8000": DIRECT | {"weight": SOFT, "seeds": [0], "keep": False},
    "direct_published_32": DIRECT
    | {"published": True, "updates": 500, "tasks": 32, "seeds": [0], "keep": False},
    "plan": PLAN | {"seeds": FIVE},
    "plan_rate_3e-3": PLAN | {"rate": 3e-3, "seeds": [0], "keep": False},
    "plan_tasks_8": PLAN | {"tasks": 8, "updates": 1_600, "seeds": [0], "keep": False},
    "straight_short": STRAIGHT,
    "straight_rate_3e-4": STRAIGHT | {"rate": 3e-4},
    "straight_rate_3e-3": STRAIGHT | {"rate": 3e-3},
    "straight_unclipped": STRAIGHT | {"clip": 1e9},
    "straight_tasks_400": STRAIGHT | {"tasks": 400, "updates": 1_700},
    "straight_hot": STRAIGHT | {"temperature": 2.0},
    "straight_cold": STRAIGHT | {"temperature": 0.3},
    "straight_long": STRAIGHT | {"updates": 10_000},
    "straight": {"method": "straight", "updates": 10_000, "temperature": 2.0},
    "direct_published": DIRECT | {"published": True, "updates": 1_000},
    "jet": {"method": "ppo", "on_jet": True, "updates": JET_ROLLOUTS},
    "grid_512_10": SHORT | {"batch": 512, "epochs": 10},
    "grid_512_clip": SHORT | {"batch": 512, "clip": 0.4},
    "grid_512_10_clip": SHORT | {"batch": 512, "epochs": 10, "clip": 0.4},
    "grid_512_128": SHORT | {"batch": 512, "tasks": 128, "updates": 368},
    "grid_1024_10_rate": SHORT | {"batch": 1024, "epochs": 10, "rate": 4e-3},
    "grid_source": SHORT
    | {
        "tasks": 100,
        "updates": 470,
        "batch": 128,
        "epochs": 10,
        "rate": 1e-4,
        "noise": 1.0,
        "weight": WEIGHT,
        "gamma": 0.99,
    },
    "ppo": {"method": "ppo", "updates": 1_562, "weight": WEIGHT},  # 25.6 million steps
    "ppo_after_direct": AFTER_DIRECT,
    "direct_after_ppo": {
        "method": "direct",
        "updates": 2_000,
        "first": {"method": "ppo", "updates": 180},
        "keep": False,
    },
    "ppo_after_direct_03": AFTER_DIRECT | {"noise": 0.3, "seeds": [0]},
    "ppo_after_direct_fast": AFTER_DIRECT
    | {"noise": 0.3, "rate": 2e-3, "seeds": [0]},
    "direct_long": DIRECT | {"updates": 6_000, "keep": False},
    "long": LONG,
    "long_slow": LONG | {"epochs": 10, "rate": 1e-3},
    "long_8192": LONG | {"batch": 8192, "epochs": 10},
    "long_kl": LONG | {"batch": 512, "epochs": 10, "kl": 0.02},
    "long_twice": LONG | {"updates": 1_562},
    "long_weight": LONG | {"weight": WEIGHT},
    "long_512_128": LONG
    | {"tasks": 128, "batch": 512, "epochs": 5, "updates": 3_125},
}
