import sys,os; sys.path.insert(0,'/work/main'); os.environ["OMP_NUM_THREADS"]="1"
exec(open('cells.py').read())
import time
for k,i,m,s in CELLS:
    if k=="code":
        b=time.time(); exec(s,globals()); print(i,round(time.time()-b,2))
pr=lambda n,r: print(f"{n:32s}",{k:round(v,3) for k,v in r.items()},flush=True)
for n,r in results.items(): pr(n,r)
print('A check',(measured(true)-true@A.T).abs().max().item(), 'rms',true.square().mean().sqrt().item(),'sensor std',seen.diag().sqrt(), 'post share',(posterior.trace()/covariance.trace()).item())
for v in (True,False):
  for f in (False,True):
    for st in (50,200,1000):
      b=time.time(); pr(f"var {v} fresh {f} {st} {time.time()-b:.0f}s",judge(guided(ys,st,v,f),st,st)); print(round(time.time()-b,1))
