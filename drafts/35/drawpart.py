import os,sys
os.environ.update(PBDL_SCALE="book",PBDL_SEED="0",TQDM_DISABLE="1",OMP_NUM_THREADS="1")
sys.path[:0]=['/work/main','/work/main/data/recipes/networks']
variant,seed,out=sys.argv[1].replace("_"," "),int(sys.argv[2]),sys.argv[3]
part=f"/tmp/p35/nb/out/{sys.argv[1]}-{seed}.safetensors"
if os.path.exists(out) or not os.path.exists(part): sys.exit()
import importlib.util
src=open('/work/main/data/recipes/airfoil_samples/samples.py').read().replace('Path(__file__).parents[3]','"/work/main"').replace('Path(__file__).parents[1] / "networks"','"/work/main/data/recipes/networks"')
M={"__name__":"samples"}; exec(src,M)
space={"__name__":"recipe"}; exec(open('/tmp/p35/nb/space.py').read(),space)
import torch
from pbdl_helpers import checkpoints
if len(sys.argv)>4: space["PLANS"][variant]=sys.argv[4].split(",")
net=space["UNet"](8)
checkpoints.load(part,net)
for p in net.parameters(): p.data=p.data.half().float()
net=net.to(memory_format=torch.channels_last).requires_grad_(False)
from safetensors.torch import save_file
save_file(M["drawn_by"](space,variant,seed,net),out+".part"); os.replace(out+".part",out)
