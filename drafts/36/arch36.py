"""architectures, coordinates for all five, equal numbers of parameters."""
import os,sys,json,time; sys.path.insert(0,'/work/main')
os.environ.update(PBDL_SCALE="book",PBDL_SEED="0",TQDM_DISABLE="1",OMP_NUM_THREADS="1")
kind,seed,rate=sys.argv[1].replace("_"," "),int(sys.argv[2]),float(sys.argv[3])
out=f'/tmp/p36/out/arch-{sys.argv[1]}-{seed}-{rate:g}.safetensors'
if os.path.exists(out): sys.exit()
import nbformat, numpy as np, torch
from torch import nn
nb=nbformat.read('/work/main/notebooks/surrogates/architectures.ipynb',4)
S={}
for c in nb.cells:
    if c.cell_type=='code' and 'recipe' in c.metadata.get('tags',[]):
        s=c.source
        s=s.replace("self.first = nn.Conv2d(3, width, 3, padding=1)","self.first = nn.Conv2d(5, width, 3, padding=1)")
        s=s.replace("self.tokens = nn.Conv2d(3, width, patch, stride=patch)","self.tokens = nn.Conv2d(5, width, patch, stride=patch)")
        s=s.replace("        x = self.first(x)\n        for layer in self.layers:\n            x = x + layer(functional.gelu(x))\n        return self.last(functional.gelu(x))","        x = self.first(S_wc(x))\n        for layer in self.layers:\n            x = x + layer(functional.gelu(x))\n        return self.last(functional.gelu(x))")
        s=s.replace("levels = [self.first(x)]","levels = [self.first(S_wc(x))]").replace("tokens = self.tokens(x)","tokens = self.tokens(S_wc(x))")
        exec(s,S)
S["S_wc"]=S["with_coordinates"]
if len(sys.argv)>4: # unet width
    pass
def build(kind):
    if kind=="CNN": return S["Convolutions"](28,[1]*8)
    if kind=="dilated CNN": return S["Convolutions"](28,[1,2,4,8,16,8,4,2])
    if kind=="U-Net": return S["UNet"](7)
    if kind=="FNO": return S["FNO"](10,6)
    return S["Transformer"](48,2)
S["build"]=build; S["RATES"][kind]=rate
b=time.time(); net,curve=S["train"](seed,kind,1000)
n=sum(p.numel() for p in net.parameters())
t=S["predict"](net,S["test_inputs"])
torch.save({"state":net.state_dict(),"curve":curve,"test":t.half()},out+".pt"); open(out,"w").write("x")
print(kind,seed,rate,n,round(time.time()-b),'validation',round(curve[-1][2],5),flush=True)
