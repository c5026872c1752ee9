import os,sys,json,time; sys.path.insert(0,'/work/main')
os.environ.update(PBDL_SCALE="book",PBDL_SEED="0",TQDM_DISABLE="1",OMP_NUM_THREADS="1")
kind,seed,rate=sys.argv[1].replace("_"," "),int(sys.argv[2]),float(sys.argv[3])
out=f'/tmp/p36/out/arch-{sys.argv[1]}-{seed}-{rate:g}.safetensors'
if os.path.exists(out): sys.exit()
import nbformat, torch; torch.set_num_threads(1)
nb=nbformat.read('/tmp/p36/dev/arch.ipynb',4); S={"__name__":"recipe"}
for c in nb.cells:
    if c.cell_type=='code' and 'recipe' in c.metadata.get('tags',[]): exec(c.source,S)
S["RATES"][kind]=rate
b=time.time(); net,curve=S["train"](seed,kind,int(os.environ.get("UPD",1000))); sec=time.time()-b
from pbdl_helpers import checkpoints
if "UPD" not in os.environ: checkpoints.save(out,net,settings={"kind":kind,"updates":1000,"curve":curve},seed=seed,steps=1000,seconds=sec)
print(kind,seed,rate,sum(p.numel() for p in net.parameters()),round(sec),'validation',round(curve[-1][2],5),'training',round(curve[-1][1],5),flush=True)
