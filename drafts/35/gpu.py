"""Trains all networks of the chapter at once on a GPU: python gpu.py SECONDS OUT. Data: drafts/35/train.npz."""
import json, math, sys, time
import numpy as np, torch
from torch import nn
sys.path.insert(0, __file__.rsplit("/", 1)[0])
from net import UNet

SECONDS, OUT = float(sys.argv[1]), sys.argv[2]
WANTED = int(sys.argv[3]) if len(sys.argv) > 3 else 50_000
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
torch.backends.cudnn.benchmark = True
dev = "cuda"
d = np.load(__file__.rsplit("/", 1)[0] + "/train.npz")
X = torch.tensor(d["x"], device=dev)  # (n, 3, 32, 32) conditions
Y = torch.tensor(d["y"], device=dev)  # targets, scaled
speed = d["speed"]
XT = torch.tensor(d["x_test"], device=dev)  # (6, 3, 32, 32)
T, SMIN = 200, 1e-3
g = lambda t: math.cos((t / T + 0.008) / 1.008 * math.pi / 2) ** 2
beta = torch.tensor([0.0] + [min(1 - g(t) / g(t - 1), 0.999) for t in range(1, T + 1)], dtype=torch.float64)
bar = torch.cumprod(1 - beta, 0).float().to(dev)

SETS = {"all": np.arange(len(speed)), "half": np.flatnonzero(np.isin(speed, (15, 55, 95)))}
JOBS = [(kind, 16, 0, "all") for kind in ("flow", "diffusion")]
JOBS += [(kind, 8, s, "all") for s in (0, 1, 2) for kind in ("flow", "diffusion")]


def loss_of(kind, net, x, y):
    e = torch.randn_like(y)
    if kind == "diffusion":
        t = torch.randint(1, T + 1, (len(y),), device=dev)
        a = bar[t][:, None, None, None]
        return (net(a.sqrt() * y + (1 - a).sqrt() * e, t.float(), x) - e).square().mean()
    t = torch.rand(len(y), device=dev)  # 1 is noise, as in the whole part
    s = t[:, None, None, None]
    return (net((1 - s) * y + (SMIN + (1 - SMIN) * s) * e, T * t, x) - ((1 - SMIN) * e - y)).square().mean()


nets, opts, rows = [], [], []
LR = 4e-4
lr = torch.tensor(LR, device=dev)
for kind, w, s, part in JOBS:
    torch.manual_seed(s)
    net = UNet(w).to(dev)
    nets.append(net)
    rows.append(torch.tensor(SETS[part], device=dev))
    opts.append(torch.optim.AdamW(net.parameters(), lr=lr, fused=True, capturable=True))
losses = torch.zeros(len(JOBS), device=dev)


def step(i):
    r = rows[i][torch.rand(len(rows[i]), device=dev).argsort()[:25]]
    loss = loss_of(JOBS[i][0], nets[i], X[r], Y[r])
    opts[i].zero_grad(set_to_none=False)
    loss.backward()
    opts[i].step()
    losses[i].lerp_(loss.detach(), 0.001)


streams = [torch.cuda.Stream() for _ in JOBS]
main = torch.cuda.Stream()
with torch.cuda.stream(main):
    for _ in range(4):
        for i in range(len(JOBS)):
            step(i)
torch.cuda.synchronize()
# start again: the warm-up was training
for i, (kind, w, s, part) in enumerate(JOBS):
    torch.manual_seed(s)
    with torch.no_grad():
        for p, q in zip(nets[i].parameters(), UNet(w).to(dev).parameters()):
            p.copy_(q)
    for state in opts[i].state.values():
        for v in state.values():
            v.zero_()
graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph, stream=main):
    for i, stream in enumerate(streams):
        stream.wait_stream(main)
        with torch.cuda.stream(stream):
            step(i)
    for stream in streams:
        main.wait_stream(stream)
begin = time.time()
for _ in range(100):
    graph.replay()
torch.cuda.synchronize()
each = (time.time() - begin) / 100
N = min(WANTED, int((SECONDS - 10) / each) // 100 * 100)
print(f"{len(JOBS)} networks, {1000 * each:.2f} ms a joint step, {N} steps", flush=True)
curve = []
for k in range(100, N):
    if k < 1000 or k % max(1, N // 100) == 0:
        lr.fill_(LR * min(1, k / 1000) * (1e-5 / LR) ** (k / N))
        if k % (N // 100 * 5) == 0:
            curve.append([k, *losses.tolist()])
            print(k, round(time.time() - begin), " ".join(f"{v:.4f}" for v in losses.tolist()), flush=True)
    graph.replay()
torch.cuda.synchronize()
print("trained", round(time.time() - begin), flush=True)
torch.save({"jobs": JOBS, "states": [{k: v.half().cpu() for k, v in n.state_dict().items()} for n in nets], "losses": losses.tolist(), "steps": N, "curve": curve}, OUT + "/nets.pt")


@torch.no_grad()
def velocity(net, x, t, c):
    return net(x, torch.full((len(x),), T * t, device=dev), c)


@torch.no_grad()
def flow_euler(net, z, c, n):
    for k in range(n):
        z = z - velocity(net, z, 1 - k / n, c) / n
    return z


@torch.no_grad()
def flow_heun(net, z, c, n):
    for k in range(n):
        v = velocity(net, z, 1 - k / n, c)
        z = z - 0.5 / n * (v + velocity(net, z - v / n, 1 - (k + 1) / n, c))
    return z


def noise_of(net, x, t, c):
    return net(x, torch.full((len(x),), float(t), device=dev), c)


@torch.no_grad()
def ddpm(net, z, c, n=200):
    for t in range(T, 0, -1):
        a, b, p = 1 - beta[t].item(), bar[t].item(), bar[t - 1].item()
        z = (z - (1 - a) / math.sqrt(1 - b) * noise_of(net, z, t, c)) / math.sqrt(a)
        z = z + math.sqrt((1 - a) * (1 - p) / (1 - b)) * torch.randn_like(z)
    return z


def grid(n):  # even in the angle, integer-free: angle φ from near π/2 to 0
    return [bar_at(T * (1 - k / n)) for k in range(n + 1)]


def bar_at(t):
    return min(g(t) / g(0), 1.0)


@torch.no_grad()
def ddim(net, z, c, n):
    ts = [T * (1 - k / n) for k in range(n)] + [0]
    ts[0] = T - 0.5
    for t, u in zip(ts[:-1], ts[1:]):
        b, p = bar_at(t), bar_at(u)
        e = noise_of(net, z, t, c)
        y = (z - math.sqrt(1 - b) * e) / math.sqrt(b)
        z = math.sqrt(p) * y + math.sqrt(1 - p) * e
    return z


@torch.no_grad()
def ddim_two_step(net, z, c, n):
    """DDIM with the data estimate extrapolated from the last step in log(a/s): DPM-Solver++(2M)."""
    ts = [T * (1 - k / n) for k in range(n)] + [0]
    ts[0] = T - 0.5
    last, last_h = None, None
    lam = lambda b: 0.5 * math.log(b / (1 - b))
    for t, u in zip(ts[:-1], ts[1:]):
        b, p = bar_at(t), bar_at(u)
        e = noise_of(net, z, t, c)
        y = (z - math.sqrt(1 - b) * e) / math.sqrt(b)
        if u == 0:
            return y if last is None else y
        h = lam(p) - lam(b)
        est = y if last is None else (1 + h / (2 * last_h)) * y - h / (2 * last_h) * last
        z = math.sqrt((1 - p) / (1 - b)) * z - math.sqrt(p) * math.expm1(-h) * est
        last, last_h = y, h
    return z


COUNT = 200
samplers = {
    "flow": {"Euler 1": (flow_euler, 1), "Euler 5": (flow_euler, 5), "Euler 20": (flow_euler, 20), "Euler 100": (flow_euler, 100), "Heun 10": (flow_heun, 5), "Heun 20": (flow_heun, 10)},
    "diffusion": {"DDPM 200": (ddpm, 200), "DDIM 5": (ddim, 5), "DDIM 20": (ddim, 20), "DDIM 100": (ddim, 100), "2M 10": (ddim_two_step, 10), "2M 20": (ddim_two_step, 20)},
}
saved, stats, fields = {}, {}, {}
C = XT.repeat_interleave(COUNT, 0)
for i, (kind, w, s, part) in enumerate(JOBS):
    for name, (f, n) in samplers[kind].items():
        torch.manual_seed(100 + s)
        begin = time.time()
        out = torch.cat([f(nets[i], torch.randn(len(c), 3, 32, 32, device=dev), c, n) for c in C.split(600)])
        torch.cuda.synchronize()
        seconds = time.time() - begin
        out = out.reshape(6, COUNT, 3, 32, 32)
        key = f"{kind}-{w}-{s}-{part}-{name}"
        fields[key] = torch.stack([out.mean(1), out.std(1)]).half().cpu().numpy()
        stats[key] = {"seconds": seconds, "std": out.std(1).mean((1, 2, 3)).tolist()}
        if s == 0 or name in ("Euler 20", "DDPM 200"):
            saved[key] = out[:, :40].half().cpu().numpy()
        print(key, round(seconds, 1), [round(v, 4) for v in stats[key]["std"]], flush=True)
json.dump(stats, open(OUT + "/stats.json", "w"))
np.savez_compressed(OUT + "/fields.npz", **fields)
keys = sorted(saved)
for j in range(4):
    np.savez_compressed(OUT + f"/samples{j}.npz", **{k: saved[k] for k in keys[j::4]})
