"""merge.py NAME PARTSDIR: keeps stored networks whose variant is unchanged, takes others from PARTSDIR/INDEX.safetensors"""
import sys,os; sys.path.insert(0,'/work/main'); os.chdir('/work/main')
from data.recipes.networks import networks as N
from pbdl_helpers import checkpoints
from safetensors.torch import load_file
from pathlib import Path
name,folder=sys.argv[1],Path(sys.argv[2]); keep=set(sys.argv[3].split(",")) if len(sys.argv)>3 else None
space=N.cells(name); nets=N.empty(name,space); old=load_file(f"data/{name}.safetensors"); head=N.header(name)["settings"]
seconds,settings={}, {}
for i,(variant,seed) in enumerate(N.pairs(space)):
    k=N.seeds(space,variant).index(seed); part=folder/f"{i}.safetensors"
    if part.exists():
        f=checkpoints.load(part,nets[variant][k]); seconds[f"{variant} {seed}"]=round(f["seconds"]); settings[f"{variant} {seed}"]=f["settings"]; src="new"
    else:
        assert keep is None or variant in keep,(variant,seed,"missing")
        pre=f"{variant}.{k}."; state={a[len(pre):]:b.float() if b.is_floating_point() else b for a,b in old.items() if a.startswith(pre)}
        nets[variant][k].load_state_dict(state); seconds[f"{variant} {seed}"]=head["seconds"][f"{variant} {seed}"]; settings[f"{variant} {seed}"]=head["variants"][f"{variant} {seed}"]; src="old"
    print(variant,seed,src)
for p in nets.parameters(): p.data=p.data.half()
checkpoints.save(f"data/{name}.safetensors",nets,settings={"seconds":seconds,"variants":settings,"cells_sha256":N.cells_hash(name)},seed=0,steps=sum(v["updates"] for v in settings.values()),seconds=sum(seconds.values()))
