import os,sys; sys.path.insert(0,'/work/main')
os.environ.update(PBDL_SCALE="book",PBDL_SEED="0",TQDM_DISABLE="1",OMP_NUM_THREADS="1")
import nbformat, numpy as np, torch, itertools
nb=nbformat.read('/work/main/notebooks/surrogates/airfoils.ipynb',4)
S={}
for c in nb.cells:
    if c.cell_type=='code' and c.id in ('cell-02','cell-03','cell-05','cell-06','cell-11'): exec(c.source,S)
inputs,targets,tin,tt=S['inputs'],S['targets'],S['test_inputs'],S['test_targets']
N=320
def coords(sim): return torch.tensor(np.stack([S['column'](sim,'angle')/22.5,S['column'](sim,'speed')/45-1],1)).float()
P,Q=coords(S['data']),coords(S['tests'])
masks=torch.cat([inputs[:,2],tin[:,2]]).flatten(1)
mm=masks[:N].mean(0)
U,s,V=torch.linalg.svd(masks[:N]-mm,full_matrices=False)
def feats(nc):
    sc=(masks-mm)@V[:nc].T
    sc=sc/sc[:N].square().sum(1).mean().sqrt()
    return sc[:400],sc[400:]
def krr(la,lu,ls,nc,lam,train,ask,kernel='g'):
    sa,sb=feats(nc)
    X=torch.cat([P/torch.tensor([la,lu]),sa/ls],1); Y=torch.cat([Q/torch.tensor([la,lu]),sb/ls],1)
    Z={'v':X[N:],'t':Y}[ask]
    def k(a,b):
        d2=torch.cdist(a,b).square()
        if kernel=='g': return torch.exp(-d2/2)
        d=d2.sqrt(); return (1+3**.5*d)*torch.exp(-3**.5*d)
    K=k(X[train],X[train]).double(); T=targets[train].flatten(1); m=T.mean(0)
    w=torch.linalg.solve(K+lam*torch.eye(len(K)),(T-m).double()).float()
    return (m+k(Z,X[train])@w).view(-1,3,128,128)*(1-({'v':inputs[N:],'t':tin}[ask])[:,2:])
def err(a,ask): return (a-{'v':targets[N:],'t':tt}[ask]).abs().mean().item()
tr=torch.arange(N)
if __name__=="__main__":
    best=[]
    for la,lu,ls,lam,nc,kn in itertools.product((.1,.15,.2,.3,.5),(2.,4.),(1.,2.,4.),(.01,.03,.1),(16,),('g','m')):
        best.append((err(krr(la,lu,ls,nc,lam,tr,'v',kn),'v'),la,lu,ls,lam,nc,kn))
    best.sort(); print(*best[:8],sep='\n')
    b=best[0]; print('test',err(krr(b[1],b[2],b[3],b[5],b[4],tr,'t',b[6]),'t'))
    for nc in (4,8,16,32,64): print(nc,err(krr(b[1],b[2],b[3],nc,b[4],tr,'v',b[6]),'v'))
