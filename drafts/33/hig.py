import nbformat,sys,time
sys.path.insert(0,'/work/main')
n=nbformat.read('/work/main/notebooks/improved_gradients/oscillators_hig.ipynb',4)
C={c.id:c.source for c in n.cells}
for i in ('1abd5c7f','e614c3f3','58881373','59f6e177','9094dff3'): exec(C[i])
import torch
def levenberg(damping=1e-2, factor=3.0):
    def method(network,pendulum):
        state={'mu':damping}
        @torch.no_grad()
        def update(s):
            J,r=batch_jacobian(network,s,pendulum)
            J,r=J.double(),r.double()
            A=J@J.T; mu=state['mu']
            step=J.T@torch.linalg.solve(A+mu*torch.eye(len(A)).to(A),r)
            old=nn.utils.parameters_to_vector(network.parameters())
            nn.utils.vector_to_parameters(old-step.to(old),network.parameters())
            after=(simulate(s,network(s),pendulum)-s).square().sum()
            if after<r.square().sum(): state['mu']=mu/factor
            else:
                nn.utils.vector_to_parameters(old,network.parameters()); state['mu']=mu*factor
        return update
    return method
def adam_rate(rate):
    def method(network,pendulum):
        opt=torch.optim.Adam(network.parameters(),lr=rate)
        def update(s):
            loss=mean_square(simulate(s,network(s),pendulum),s); opt.zero_grad(); loss.backward(); opt.step()
        return update
    return method
marks=(16,40,128)
def show(name,method,batch,updates,pend=False,seed=0):
    _,rows=train(method,batch,updates,pend,seed,marks=marks)
    print(f'{name:28s}',' '.join(f'{int(k)}:{l:.1e}' for k,s,l,_ in rows[1:]),'s',round(rows[-1,1],1),flush=True)
if __name__=='__main__':
    for pend in (False,True):
        print('pendulum',pend)
        for b in (8,128):
            U=2048//b
            for e in (1.,4.): show(f'HIG b={b} η={e}',inverse(.5,rate=e),b,U,pend)
            show(f'GN full 1e-4 b={b}',inverse(1.,cutoff=1e-4,rate=b/2),b,U,pend)
            show(f'GN half-step 1e-4 b={b}',inverse(1.,cutoff=1e-4,rate=b/8),b,U,pend)
            show(f'LM b={b}',levenberg(),b,U,pend)
        for r in (3e-3,1e-2,3e-2): show(f'Adam {r}',adam_rate(r),32,384,pend)
