import sys,os; sys.path.insert(0,'/work/main'); os.environ["OMP_NUM_THREADS"]="1"; os.environ["TQDM_DISABLE"]="1"
exec(open('mk.py').read())
import time
G={"__name__":"x"}
for k,i,m,s in CELLS:
    if k!="code" or i in("template-1","pg-guide-table","pg-problem-figure"): continue
    if i=="pg-guide": s=s[:s.index("GUIDED = {")]
    if i=="pg-longer": break
    b=time.time(); exec(s,G); print('##',i,round(time.time()-b,1),flush=True)
pr=lambda n,r: print(f"{n:40s}",{k:round(v,3) for k,v in list(r.items())[:5]},flush=True)
torch=G['torch']
@torch.no_grad()
def eul(model,y,times,control=None,latest=1.0):
    x=torch.randn(len(y),512)
    for t,u in zip(times[:-1],times[1:]):
        now=control if control is not None and t<latest+1e-6 else model
        x=x-(t-u)*now(x,torch.full((len(x),1),t),y)
    return x
T=lambda n,g:[(1-k/n)**g for k in range(n+1)]
for n in (20,50,200):
  for g in (1,2,3):
    pr(f'base {n} {g}',G['judge'](eul(G['model'],G['ys'],T(n,g))))
    for c in ('step','network','network, last fifth'):
        m,l,_=G['controls'][c]; pr(f'   {c} {n} {g}',G['judge'](eul(G['model'],G['ys'],T(n,g),m,l)))
