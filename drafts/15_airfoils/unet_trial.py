"""trial of the airfoil U-Net, issue 15"""
import sys,time,torch,numpy as np
from torch import nn
sys.path.insert(0,"/work/main")
from pbdl_helpers import datasets
torch.set_num_threads(1)
D=datasets.read("/tmp/t/airfoils.hdf5"); T=datasets.read("/tmp/t/airfoils_test.hdf5")
def prep(d):
    f=torch.tensor(np.stack([s[0] for s in d.sims])); p,ux,uy,m=f.unbind(1)
    sp=torch.tensor([c["speed"] for c in d.constants],dtype=torch.float32)[:,None,None]; al=torch.tensor([np.deg2rad(c["angle"]) for c in d.constants],dtype=torch.float32)[:,None,None]
    fluid=1-m; pm=(p*fluid).sum((1,2),keepdim=True)/fluid.sum((1,2),keepdim=True)
    p=(p-pm)*fluid/sp**2; ux,uy=ux*fluid/sp,uy*fluid/sp
    x=torch.stack([torch.cos(al)*fluid*sp/100,torch.sin(al)*fluid*sp/100,m],1); y=torch.stack([p,ux,uy],1)
    return x,y,np.array([c["steady"] for c in d.constants])>0
X,Y,S=prep(D); XT,YT,ST=prep(T)
mx=Y.abs().amax((0,2,3)); print("max",mx, "99.9",[torch.quantile(Y[:,i].abs().flatten()[::50],.999).item() for i in range(3)])
Y=Y/mx[:,None,None]; YT=YT/mx[:,None,None]
class Enc(nn.Sequential):
    def __init__(s,i,o,k,p): super().__init__(nn.Conv2d(i,o,k,2,p),nn.BatchNorm2d(o),nn.LeakyReLU(.2))
class Dec(nn.Sequential):
    def __init__(s,i,o,k,p,last=False):
        l=[nn.Upsample(scale_factor=2,mode="bilinear"),nn.Conv2d(i,o,k,1,p)]
        super().__init__(*(l if last else l+[nn.BatchNorm2d(o),nn.ReLU()]))
class Net(nn.Module):
    def __init__(s,C=16):
        super().__init__()
        e=[3,C,2*C,2*C,4*C,8*C,8*C,8*C]
        s.e=nn.ModuleList([Enc(e[i],e[i+1],4 if i<5 else 2,1 if i<5 else 0) for i in range(7)])
        di=[8*C,16*C,16*C,8*C,4*C,4*C,2*C]; do=[8*C,8*C,4*C,2*C,2*C,C,3]
        s.d=nn.ModuleList([Dec(di[i],do[i],1 if i<2 else 3,0 if i<2 else 1,i==6) for i in range(7)])
        for m in s.modules():
            if isinstance(m,nn.Conv2d): nn.init.normal_(m.weight,0,.02)
            if isinstance(m,nn.BatchNorm2d): nn.init.normal_(m.weight,1,.02)
    def forward(s,x):
        h=[]
        for l in s.e: x=l(x); h.append(x)
        for i,l in enumerate(s.d):
            if i: x=torch.cat([x,h[6-i]],1)
            x=l(x)
        return x
if __name__=="__main__":
    torch.manual_seed(0); net=Net(); print(sum(p.numel() for p in net.parameters()))
    n=len(X); perm=torch.randperm(n,generator=torch.Generator().manual_seed(0)); va,tr=perm[:n//5],perm[n//5:]
    print("mean field val %.4f test %.4f"%((Y[va]-Y[tr].mean(0)).abs().mean(),(YT-Y[tr].mean(0)).abs().mean()))
    opt=torch.optim.Adam(net.parameters(),lr=float(sys.argv[2]) if len(sys.argv)>2 else 2e-4,betas=(.5,.999)); E=int(sys.argv[1]); t0=time.time(); base=opt.param_groups[0]["lr"]
    for ep in range(E):
        net.train(); q=tr[torch.randperm(len(tr))]; L=[]
        opt.param_groups[0]["lr"]=base*min(1,2*(1-ep/E))
        for i in range(0,len(q)-len(q)%10,10):
            b=q[i:i+10]; l=(net(X[b])-Y[b]).abs().mean(); opt.zero_grad(); l.backward(); opt.step(); L.append(l.item())
        if ep%5==4 or ep==E-1:
            net.eval()
            with torch.no_grad(): v=(net(X[va])-Y[va]).abs().mean((1,2,3)); te=(net(XT)-YT).abs().mean((1,2,3))
            print(ep+1,"%.0f s train %.4f val %.4f (steady %.4f other %.4f) test %.4f (steady %.4f other %.4f)"%(time.time()-t0,np.mean(L),v.mean(),v[S[va]].mean(),v[~S[va]].mean(),te.mean(),te[ST].mean(),te[~ST].mean()),flush=True)
