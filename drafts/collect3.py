"""collect by name from /tmp/p39/parts with the train clone's index mapping; usage: collect3.py NB OUT [partial]"""
import sys,os,json
sys.path.insert(0,'/work/main'); sys.path.insert(0,'/work/main/data/recipes/networks')
import networks as N
from tools import notebooks
from pathlib import Path
from pbdl_helpers import checkpoints
nbpath,out=sys.argv[1:3]; partial=len(sys.argv)>3
nb=notebooks.read(Path(nbpath)); 
N.notebook=lambda _: nb; space=N.cells("burgers_ppo"); nets=N.empty("burgers_ppo",space)
seconds,settings,missing={}, {}, []
for v,s in N.pairs(space):
    p=Path(f'/tmp/p39/parts2/{v}-{s}.safetensors')
    if not p.exists() and partial:
        q=sorted(Path('/tmp/p39/parts2').glob(f'{v}-?.safetensors'))
        if q: missing.append((v,s,'copy')); p=q[0]
    if p.exists():
        f=N.provenance(p) if v not in nets else checkpoints.load(p,nets[v][N.seeds(space,v).index(s) if not isinstance(N.seeds(space,v),range) else list(N.seeds(space,v)).index(s)])
        seconds[f"{v} {s}"]=round(f["seconds"]); settings[f"{v} {s}"]=f["settings"]
    else:
        missing.append((v,s)); seconds[f"{v} {s}"]=100; settings[f"{v} {s}"]={"updates":1,"curve":[{"seconds":k*10.+1,"steps":k*1e5+1,"force":1.,"error":.4,"return":-1e4} for k in range(3)]}
print("missing",missing)
assert partial or not missing
for q in nets.parameters(): q.data=q.data.half()
checkpoints.save(out,nets,settings={"seconds":seconds,"variants":settings,"cells_sha256":N.cells_hash("burgers_ppo")},seed=0,steps=sum(v["updates"] for v in settings.values()),seconds=sum(seconds.values()))
print(os.path.getsize(out)/1e6,"MB")
