"""tr.py NAME SEED JSON : variants of the airfoil network; guess=True: KRR (leave-one-out in training) as inputs, residual out"""
import os,sys,json,time; sys.path.insert(0,'/work/main')
os.environ.update(PBDL_SCALE="book",PBDL_SEED="0",TQDM_DISABLE="1",OMP_NUM_THREADS="1")
name,seed,o=sys.argv[1],int(sys.argv[2]),json.loads(sys.argv[3])
out=f'/tmp/p36/{os.environ.get("OUT","out")}/{name}-{seed}.pt'
if os.path.exists(out): sys.exit()
import nbformat, numpy as np, torch
from torch import nn
torch.set_num_threads(1)
nb=nbformat.read('/work/main/notebooks/surrogates/airfoils.ipynb',4)
S={}
for c in nb.cells:
    if c.cell_type=='code' and 'recipe' in c.metadata.get('tags',[]): exec(c.source,S)
def mirror(f,vec):
    m=f.flip(2).roll(1,2).clone()
    for v in vec: m[:,v]*=-1
    m[:,:,0]=m[:,:,1]; return m
def sets(d,k): return torch.tensor(S["column"](S[d],k)).float()
inp,tar,tin,tt=[S[k].clone() for k in ("inputs","targets","test_inputs","test_targets")]
a,at=sets("data","angle"),sets("tests","angle"); u,ut=sets("data","speed"),sets("tests","speed")
if o.get("canon",True):
    n=a<0; inp[n]=mirror(inp[n],[1]); tar[n]=mirror(tar[n],[2]); a=a.abs()
    n=at<0; tin[n]=mirror(tin[n],[1]); tt[n]=mirror(tt[n],[2]); at=at.abs()
N=320
if o.get("unit"):
    inp[:,:2]*=(55/u)[:,None,None,None]; tin[:,:2]*=(55/ut)[:,None,None,None]
if o.get("guess"):
    P=torch.stack([a/22.5/.3,(u/45-1)/4],1); Q=torch.stack([at/22.5/.3,(ut/45-1)/4],1)
    mk=torch.cat([inp[:,2],tin[:,2]]).flatten(1); mm=mk[:N].mean(0); V=torch.linalg.svd(mk[:N]-mm,full_matrices=False)[2][:32]
    sc=(mk-mm)@V.T; sc=sc/sc[:N].square().sum(1).mean().sqrt()/2
    X=torch.cat([P,sc[:400]],1); Y=torch.cat([Q,sc[400:]],1)
    k=lambda a,b:(lambda d:(1+3**.5*d)*torch.exp(-3**.5*d))(torch.cdist(a,b))
    G=torch.linalg.inv(k(X[:N],X[:N]).double()+.1*torch.eye(N)); T=tar[:N].flatten(1); m=T.mean(0); w=(G@(T-m).double())
    loo=(T-(w/G.diag()[:,None]).float())
    w=w.float(); rest=m+k(X[N:],X[:N])@w; te=m+k(Y,X[:N])@w
    g=torch.cat([loo,rest]).view(-1,3,128,128)*(1-inp[:,2:]); gt=te.view(-1,3,128,128)*(1-tin[:,2:])
    print('krr loo',(g[:N]-tar[:N]).abs().mean().item(),'val',(g[N:]-tar[N:]).abs().mean().item(),flush=True)
    inp=torch.cat([inp,g],1); tin=torch.cat([tin,gt],1)
torch.manual_seed(seed)
net=S["UNet"](o.get("width",16),True)
if o.get("drop"):
    for k in (3,4,5,6): net.downs[k].append(nn.Dropout2d(o["drop"]))
if o.get("guess"):
    net.downs[0][0]=nn.Conv2d(6,o.get("width",16),4,stride=2,padding=1); nn.init.normal_(net.downs[0][0].weight,0,.02)
    nn.init.zeros_(net.ups[-1][1].weight); nn.init.zeros_(net.ups[-1][1].bias)
if o.get("mid"):  # two more coordinate channels? unused
    pass
f=(lambda x: x[:,3:]+net(x)) if o.get("guess") else net
net=net.to(memory_format=torch.channels_last); x=inp[:N].contiguous(memory_format=torch.channels_last); y=tar[:N]
if o.get("samples"): x,y=x[:o["samples"]],y[:o["samples"]]
opt=torch.optim.AdamW(net.parameters(),lr=o.get("rate",1e-3),betas=(0.5,0.999),weight_decay=o.get("wd",0.))
U=o["updates"]; order=[]; curve=[]; L=[]; b=time.time(); every=U//20
@torch.no_grad()
def pred(z):
    net.eval(); return torch.cat([f(q) for q in z.split(10)])
for s in range(U):
    if len(order)<10: order=torch.randperm(len(x)).tolist()
    r,order=order[:10],order[10:]
    opt.param_groups[0]["lr"]=o.get("rate",1e-3)*min(1.,2*(1-s/U))
    net.train(); xb,yb=x[r],y[r]
    if o.get("aug") and torch.rand(())<.5: xb,yb=mirror(xb,[1]+([5] if o.get("guess") else [])),mirror(yb,[2])
    loss=(f(xb)-yb).abs().mean(); opt.zero_grad(); loss.backward(); opt.step(); L.append(loss.item())
    if (s+1)%every==0:
        e=(pred(inp[N:])-tar[N:]).abs().mean().item(); curve.append((s+1,float(np.mean(L[-every:])),e))
        if (s+1)%(5*every)==0: print(name,seed,*curve[-1],round(time.time()-b),flush=True)
torch.save({"state":net.state_dict(),"curve":curve,"test":pred(tin).half(),"val":pred(inp[N:]).half(),"seconds":time.time()-b},out)
print(name,seed,'DONE',round(time.time()-b),'validation',curve[-1][2],'training',curve[-1][1],flush=True)
