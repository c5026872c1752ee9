import sys,os; sys.path.insert(0,'/work/main'); os.environ["OMP_NUM_THREADS"]="1"; os.environ["TQDM_DISABLE"]="1"
src=open('cells.py').read()
for a in sys.argv[1:]:
    k,v=a.split("="); import re; src=re.sub(rf"(?m)^{k} = .*$",f"{k} = {v}",src)
exec(src)
import time
for k,i,m,s in CELLS:
    if k=="code": exec(s,globals())
S=SENSORS
def speeds(x):
    w=measured(x); return (w[:,:S]**2+w[:,S:]**2+1e-12).sqrt()
def exact_speed(y,count,tries=200_000):
    th=2*math.pi*torch.rand(tries,S); r=(y+SIGMA*torch.randn(tries,S)).abs()
    w=torch.cat([r*th.cos(),r*th.sin()],1)
    lw=-0.5*(torch.linalg.solve(seen,w.T).T*w).sum(1)+r.log().sum(1)
    p=(lw-lw.max()).exp(); i=torch.multinomial(p,count,replacement=True)
    x=prior(count); return x+torch.linalg.solve(seen,(w[i]-measured(x)).T).T@(A@covariance), (p.sum()**2/p.square().sum()).item()
P,M=12,256
torch.manual_seed(3); xt=prior(P); yv=measure(xt,speeds); yr=yv.repeat_interleave(M,0)
E=[exact_speed(v,M) for v in yv]; print('ess',[round(e[1]) for e in E]); E1=torch.stack([measured(e[0]) for e in E]); E2=torch.stack([measured(exact_speed(v,M)[0]) for v in yv])
def en(a,b):
    k=len(a); d=torch.cdist; return (2*d(a,b).mean()-d(a,a).sum()/(k*(k-1))-d(b,b).sum()/(k*(k-1))).item()
def rep(name,x):
    w=measured(x).reshape(P,M,-1); s=(w[...,:S]**2+w[...,S:]**2).sqrt()
    print(f"{name:28s} misfit {((s-yv[:,None])**2).mean()/SIGMA**2:9.2f} energy {np.mean([en(a,b) for a,b in zip(w,E1)]):.4f} median {np.median([en(a,b) for a,b in zip(w,E1)]):.4f}",flush=True)
rep('exact',torch.cat([exact_speed(v,M)[0] for v in yv])); rep('prior',prior(P*M)); 
# EnKF
for n in (64,1024):
    out=[]
    for v in yv:
        x=prior(max(n,M)); h=measure(x,speeds) if False else speeds(x); X=x-x.mean(0); H=h-h.mean(0); Kn=(X.T@H/(len(x)-1))@torch.linalg.inv(H.T@H/(len(x)-1)+SIGMA**2*torch.eye(S)); out.append((x+(v+SIGMA*torch.randn_like(h)-h)@Kn.T)[:M])
    rep(f'EnKF {n}',torch.cat(out))
# replay
x=prior(100_000); h=speeds(x); rep('replay 100k',torch.cat([x[((h-v)**2).sum(1).argsort()[:M]] for v in yv]))
# RML Gauss-Newton
def jac(x):
    w=measured(x); u,v=w[:,:S],w[:,S:]; sp=(u**2+v**2+1e-12).sqrt()
    return sp,(u/sp)[:,:,None]*A[:S]+(v/sp)[:,:,None]*A[S:]
def rml(y,iters,damp=0.5):
    x0=prior(len(y)); yp=y+SIGMA*torch.randn_like(y); x=x0
    for k in range(iters):
        h,J=jac(x); JC=J@covariance; Sx=JC@J.mT+SIGMA**2*torch.eye(S)
        new=x0+torch.einsum('nsd,ns->nd',JC,torch.linalg.solve(Sx,yp-h+torch.einsum('nsd,nd->ns',J,x-x0)))
        x=x+damp*(new-x)
    return x
for it,da in ((1,1.0),(10,0.5),(30,0.5)): rep(f'RML {it} {da}',rml(yr,it,da))
def guided_speed(y,steps,variance,fresh):
    z=torch.randn(len(y),len(lam))
    for (a,s),(na,ns) in pairwise(circle(steps)):
        tot=a**2*lam**2+s**2; cl=a*lam**2/tot*z; h,J=jac(cl@modes.T); Jm=J@modes
        err=SIGMA**2*torch.eye(S).expand(len(y),S,S)
        if variance: err=err+(Jm*(s**2*lam**2/tot))@Jm.mT
        mis=torch.linalg.solve(err,y-h)
        sc=-z/tot+a*lam**2/tot*torch.einsum('ns,nsk->nk',mis,Jm)
        cl,no=(z+s**2*sc)/a,-s*sc
        sg=ns/s*math.sqrt(max(1-(a/na)**2,0)) if fresh else 0.
        z=na*cl+math.sqrt(max(ns**2-sg**2,0))*no+sg*torch.randn_like(z)
    return z@modes.T
for v,f,st in ((True,False,100),(True,True,100),(False,True,1000)):
    b=time.time(); rep(f'guided var {v} fresh {f} {st}',guided_speed(yr,st,v,f)); print(round(time.time()-b))
if len(sys.argv)>1 and 'NN' in os.environ:
    torch.manual_seed(0); base=Velocity(S); b=time.time(); l=train(base,speeds,UPDATES); base.requires_grad_(False); print('base',np.mean(l[-200:]),time.time()-b)
    for st in (20,50): rep(f'FM {st}',euler(base,yr,st))
    for kind in ('step','network'):
        torch.manual_seed(1); c=Control(base,speeds,kind); train(c,speeds,600,LATE)
        for st in (20,50): rep(f'{kind} {st}',euler(base,yr,st,c))
