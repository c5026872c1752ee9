exec(open('tune.py').read().split("T=lambda n,g")[0].replace('if i=="pg-longer": break','if i=="pg-control": break').replace("pr=lambda","pr_=lambda") if False else open('tune.py').read().split("pr=lambda")[0].replace('if i=="pg-longer": break','if i=="pg-control": break'))
pr=lambda n,r: print(f"{n:40s}",{k:round(v,3) for k,v in list(r.items())[:5]},flush=True)
torch=G['torch']
src=next(s for k,i,m,s in CELLS if i=="pg-control").split("CONTROLS = {")[0]
exec(src,G)
Control=G['Control']; nn=torch.nn; waves=G['waves']; NEAR=G['NEAR']
class C2(Control):
    def __init__(s,model,op,kind):
        nn.Module.__init__(s); s.frozen=[model]; s.operator=op; s.kind=kind
        s.step=nn.Linear(8,1); s.step2=nn.Linear(8,1)
        if kind=='net2': s.hidden,s.last=nn.Linear(8+512*4+2,34),nn.Linear(34,512)
        for n,p in s.named_parameters():
            if not n.startswith('hidden'): nn.init.zeros_(p)
    def forward(s,x,t,y):
        D=x-(t+NEAR)*s.frozen[0](x,t,y); c,g=s.signal(D,y); c2,g2=s.signal(x,y); w=waves(t)
        D2=D-s.step(w)*g-s.step2(w)*g2
        if s.kind=='net2': D2=D2+s.last(torch.nn.functional.silu(s.hidden(torch.cat([D,x,g,g2,(1+c).log(),(1+c2).log(),w],1))))
        return (x-D2)/(t+NEAR)
class C3(C2):
    def __init__(s,model,op,kind):
        nn.Module.__init__(s); s.frozen=[model]; s.operator=op; s.kind=kind; s.step=nn.Linear(8,1)
        s.hidden,s.last=nn.Linear(8+512*3+1,34),nn.Linear(34,512)
        for n,p in s.named_parameters():
            if not n.startswith('hidden'): nn.init.zeros_(p)
    def forward(s,x,t,y):
        D=x-(t+NEAR)*s.frozen[0](x,t,y); c,g=s.signal(D,y); w=waves(t)
        D2=D-s.step(w)*g+s.last(torch.nn.functional.silu(s.hidden(torch.cat([D,x,g,(1+c).log(),w],1))))
        return (x-D2)/(t+NEAR)
pr('base 50',G['judge'](G['euler'](G['model'],G['ys'],50)))
for name,cls,kind,latest in (('two steps',C2,'steps2',1.0),('two steps fifth',C2,'steps2',.2),('net with x',C3,'x',1.0),('net two',C2,'net2',1.0)):
    torch.manual_seed(1); c=G['train'](cls(G['model'],G['read'],kind),G['read'],600,latest)
    for n in (50,200): pr(f'{name} {n}',G['judge'](G['euler'](G['model'],G['ys'],n,c,latest)))
