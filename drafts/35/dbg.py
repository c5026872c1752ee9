import sys,os; sys.path.insert(0,'/work/main'); os.environ["OMP_NUM_THREADS"]="1"
CELLS=[]
for f in ('cells_recipe.py','cells_rest.py','cells_res.py','cells_res2.py'):
    exec(open(f).read().replace("CELLS = []\n",""))
S={"__name__":"x"}
import glob,torch
from safetensors.torch import load_file
def src(i): return next(s for k,j,m,s in CELLS if j==i)
def show(i): 
    s=src(i); k=s.rfind("\nTable("); exec(s[:k]+"\nprint("+s[k+1:]+")" if k>0 else s,S)
for i in ("au-imports","au-settings","au-data","au-network","au-pairs","au-train","au-variants","au-samplers","au-plans"): exec(src(i),S)
show("au-turn")
M={"__name__":"samples"}; exec(open('/work/main/drafts/35/airfoil_samples/samples.py').read().replace('Path(__file__).parents[3]','"/work/main"').replace('Path(__file__).parents[1] / "networks"','"/work/main/data/recipes/networks"'),M)
S['centre'],S['basis']=M['modes'](S)
s=src("au-stored"); exec(s[s.index("def compressed"):],S)
drawn={}
for f in sys.argv[1:]: drawn.update({k:v.float() for k,v in load_file(f).items()})
S['drawn']=drawn
for i in ("au-energy","au-floor","au-rivals"): exec(src(i),S)
np=S['np']
print('null95',np.quantile(S['floors'],.95,axis=1).round(4))
for name,r in S['RIVALS'].items():
    print(f"{name:28s}",[round(np.mean([S['energy_distance'](S['compressed'](r(c)),S['one_turn'][k]) for _ in range(5)]),4) for k,c in enumerate(S['TESTED'])])
for name,v in drawn.items():
    print(f"{name:28s}",[round(S['energy_distance'](v[k],S['one_turn'][k]),4) for k in range(6)],'rest',[round(v[k][:,-1].mean().item(),3) for k in range(6)],'std',[round(((v[k][:,:-1].var(0).sum()/3072+v[k][:,-1].square().mean())**.5/((S['one_turn'][k][:,:-1].var(0,correction=0).sum()/3072)**.5)).item(),2) for k in range(6)])
