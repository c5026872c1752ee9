"""python drafts/19_control/train.py OUT KIND SEED UPDATES BATCH PRETRAINING ...: runs the recipe cells of fluid_control.txt."""
import json, re, sys, time
from pathlib import Path
import torch
text = (Path(__file__).parent / "fluid_control.txt").read_text()
parts = re.split(r"^#%% (md|code)(.*)\n", text, flags=re.M)
space = {"__name__": "recipe"}
for kind, meta, source in zip(parts[1::3], parts[2::3], parts[3::3]):
    if kind == "code" and "recipe" in meta:
        exec(source, space)
out = Path(sys.argv[1])
begin = time.perf_counter()
for job in sys.argv[2:]:
    kind, seed, updates, batch, pre = job.split(",")
    start = time.perf_counter()
    inner = space["evaluate"]
    controller, curve = space["train"](int(seed), kind, int(updates), int(batch), int(pre))
    seconds = time.perf_counter() - start
    for row in curve:
        print(job, *row, flush=True)
    torch.save({"weights": {k: v.cpu() for k, v in controller.state_dict().items()}, "curve": curve, "seconds": seconds}, out / f"{kind}-{seed}-{updates}.pt")
    print(job, f"{seconds:.1f} s, in all {time.perf_counter() - begin:.1f}", flush=True)
