import nbformat,sys,time
sys.path.insert(0,'/work/main')
n=nbformat.read('/work/main/notebooks/improved_gradients/oscillators_hig.ipynb',4)
C={c.id:c.source for c in n.cells}
for i in ('1abd5c7f','e614c3f3','58881373'): exec(C[i])
src=C['a4535513'].split('STRETCHES = ')[0]
src=src.replace('''    if kappa is not None:
        kappa, cutoff''','''    rate = column(rate)[:, None]
    if kappa is not None:
        kappa, cutoff''').replace('rate=1.0):','rate=None):')
exec(src)
def toy_levenberg(stretch, steps=TOY_STEPS, damping=1.0, factor=2.0):
    theta=torch.stack([toy_start(seed) for seed in range(TOY_SEEDS)]).repeat(len(stretch),1)
    stretch=torch.tensor(stretch,dtype=torch.float64).repeat_interleave(TOY_SEEDS)
    mu=torch.full((len(theta),1,1),damping,dtype=torch.float64)
    generator=torch.Generator().manual_seed(run.seed)
    losses=[]
    for k in range(steps+1):
        if k%25==0:
            e=toy_residuals(theta,GRID,stretch); losses.append(.5*e.square().sum(2).mean(1).reshape(-1,TOY_SEEDS))
        x=2*torch.rand(64,generator=generator,dtype=torch.float64)-1
        r=toy_residuals(theta,x,stretch).flatten(1); J=toy_jacobians(theta,x,stretch).flatten(1,2)
        A=J.mT@J+mu*torch.eye(30,dtype=torch.float64)
        new=theta-torch.linalg.solve(A,(J.mT@r[...,None]))[...,0]
        better=toy_residuals(new,x,stretch).flatten(1).square().sum(1)<r.square().sum(1)
        theta=torch.where(better[:,None],new,theta)
        mu=torch.where(better[:,None,None],mu/factor,mu*factor).clamp(1e-8,1e8)
    return torch.stack(losses)
t=time.perf_counter()
l=toy_levenberg([1.0,.01]); print('LM',l[-1].numpy().round(5),'after 400',l[16].numpy().round(5),time.perf_counter()-t)
rates=[.01,.03,.1,.3,.5,1.0]
for st in (1.0,.01):
    t=time.perf_counter(); l,_=toy_train([st]*6,None,None,rate=rates); print('adam',st,dict(zip(rates,l[-1].median(1).values.numpy().round(4))),dict(zip(rates,l[-1].max(1).values.numpy().round(4))),time.perf_counter()-t)
for st in (1.0,.01):
    ks=[.5]*4+[1.]*6; cs=[1e-6]*4+[1e-3]*3+[1e-4]*3; rs=[.5,1,2,4]+[1,8,64]*2
    t=time.perf_counter(); l,_=toy_train([st]*10,ks,cs,steps=400,rate=rs); 
    for k,c,r,row in zip(ks,cs,rs,l[-1]): print(st,k,c,r,'median %.4f max %.4f'%(row.median(),row.max()))
    print(time.perf_counter()-t)
