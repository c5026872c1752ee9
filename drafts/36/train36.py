"""airfoils: group normalisation, each case mirrored so that alpha > 0; options from the command line."""
import os,sys,json,time; sys.path.insert(0,'/work/main')
os.environ.update(PBDL_SCALE="book",PBDL_SEED="0",TQDM_DISABLE="1",OMP_NUM_THREADS="1")
name,seed,opts=sys.argv[1],int(sys.argv[2]),json.loads(sys.argv[3])
out=f'/tmp/p36/out/{name}-{seed}.safetensors'
if os.path.exists(out): sys.exit()
import nbformat, numpy as np, torch
nb=nbformat.read('/work/main/notebooks/surrogates/airfoils.ipynb',4)
S={}
for c in nb.cells:
    if c.cell_type=='code' and 'recipe' in c.metadata.get('tags',[]): exec(c.source,S)
def mirror(f,vec):
    m=f.flip(2).roll(1,2).clone(); m[:,vec]*=-1; m[:,:,0]=m[:,:,1]; return m
if opts.pop("canon",False):
    for i,t,d in (("inputs","targets","data"),("test_inputs","test_targets","tests")):
        n=torch.tensor(S["column"](S[d],"angle"))<0
        S[i][n]=mirror(S[i][n],1); S[t][n]=mirror(S[t][n],2)
    S["check_inputs"],S["check_targets"]=S["inputs"][320:],S["targets"][320:]
b=time.time(); net,curve=S["train"](seed,**opts)
from pbdl_helpers import checkpoints
checkpoints.save(out,net,settings={"curve":curve,**opts},seed=seed,steps=opts["updates"],seconds=time.time()-b)
p=S["predict"](net,S["test_inputs"]); v=S["predict"](net,S["check_inputs"])
print(name,seed,round(time.time()-b),'validation',(v-S["check_targets"]).abs().mean().item(),'test kept back',flush=True)
torch.save({"test":p.half(),"check":v.half()},out.replace('.safetensors','.pt'))
