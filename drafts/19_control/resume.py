"""python drafts/19_control/resume.py direct 0 RATE UPDATES: ... [BATCH [START]]: joint stage on a CPU, batch in parts of 8; resumable."""

import math
import re
import sys
import time
from pathlib import Path

import torch

here = Path(__file__).parent
parts = re.split(r"^#%% (md|code)(.*)\n", (here / "fluid_control.txt").read_text(), flags=re.M)
space = {"__name__": "recipe"}
for kind, meta, source in zip(parts[1::3], parts[2::3], parts[3::3]):
    if kind == "code" and "recipe" in meta:
        exec(source, space)
kind, seed, rate, updates = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
batch = int(sys.argv[5]) if len(sys.argv) > 5 else 32
torch.manual_seed(seed)
controller = space["build"](kind)
generator = torch.Generator().manual_seed(1000 + seed)
check = space["draw_pairs"](32, torch.Generator().manual_seed(5))
optimizer = torch.optim.Adam(controller.parameters(), lr=rate)
curve, first, seconds = [], 0, 0.0
if len(sys.argv) > 6:
    controller.load_state_dict(torch.load(sys.argv[6])["weights"])
    generator = torch.Generator().manual_seed(2000 + seed)
file = here / f"{kind}-{seed}.resume.pt"
if file.exists():
    saved = torch.load(file)
    controller.load_state_dict(saved["weights"])
    optimizer.load_state_dict(saved["optimizer"])
    generator.set_state(saved["generator"])
    curve, first, seconds = saved["curve"], saved["k"], saved["seconds"]
mark = time.perf_counter()
for k in range(first, updates):
    part = (k + 1) / updates
    optimizer.param_groups[0]["lr"] = rate * min(1.0, 50 * part) * math.cos(math.pi / 2 * part) ** 2
    optimizer.zero_grad()
    pairs, total = space["draw_pairs"](batch, generator), 0.0
    for j in range(0, batch, 8):
        loss = space["joint_loss"](controller, pairs[:, j : j + 8]) * 8 / batch
        loss.backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(controller.parameters(), 1e3)
    for p in controller.parameters():
        p.grad.nan_to_num_(0.0, 0.0, 0.0)
    optimizer.step()
    if (k + 1) % max(1, updates // 10) == 0:
        curve.append(["joint", k + 1, total, space["evaluate"](controller, check).mean().item()])
    if (k + 1) % 10 == 0 or k + 1 == updates:
        seconds += time.perf_counter() - mark
        mark = time.perf_counter()
        print(k + 1, total, round(seconds), curve[-1:], flush=True)
        saved = {"weights": controller.state_dict(), "optimizer": optimizer.state_dict()}
        saved |= {"generator": generator.get_state(), "curve": curve, "k": k + 1, "seconds": seconds, "rate": rate}
        torch.save(saved, file.with_suffix(".part"))
        file.with_suffix(".part").replace(file)
