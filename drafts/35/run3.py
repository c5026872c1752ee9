import sys,os; sys.path.insert(0,'/work/main'); os.environ["OMP_NUM_THREADS"]="1"; os.environ["TQDM_DISABLE"]="1"
src=open('cells3.py').read()
for a in sys.argv[1:]:
    k,v=a.split("="); import re; src=re.sub(rf"(?m)^{k} = .*$",f"{k} = {v}",src)
exec(src)
import time
for k,i,m,s in CELLS:
    if k=="code": exec(s,globals())
pr=lambda n,r: print(f"{n:32s}",{k:round(v,3) for k,v in r.items()},flush=True)
for n,r in results.items(): pr(n,r)
torch.manual_seed(0); base=Velocity(len(A)); b=time.time(); l=train(base,measured,UPDATES); base.requires_grad_(False); print('base',sum(p.numel() for p in base.parameters()),np.mean(l[-200:]),time.time()-b)
for st in (5,20,50,100): pr(f'FM {st}',judge(euler(base,ys,st),st,0))
for kind in ('step','no signal','network'):
    torch.manual_seed(1); c=Control(base,measured,kind); b=time.time(); l=train(c,measured,600,LATE); print(kind,np.mean(l[:50]).round(4),np.mean(l[-100:]).round(4),sum(p.numel() for p in c.parameters()),round(time.time()-b))
    for st in (20,50,100): pr(f'{kind} {st}',judge(euler(base,ys,st,c),st,round(st*LATE)))
