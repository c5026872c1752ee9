import os,sys,time
sys.path.insert(0,'/work/main'); os.environ.update(PBDL_SCALE="book",PBDL_SEED="0",TQDM_DISABLE="1",OMP_NUM_THREADS="1")
variant,seed,out=sys.argv[1].replace("_"," "),int(sys.argv[2]),sys.argv[3]
if os.path.exists(out): sys.exit()
space={"__name__":"recipe"}; exec(open('/tmp/p35/nb/space.py').read(),space)
from pbdl_helpers import checkpoints
from data.recipes.networks.networks import summary
import numpy as np
settings={k:v for k,v in space["VARIANTS"][variant].items() if k!="seeds"}
b=time.perf_counter(); net,h=space["train"](seed,**settings); sec=time.perf_counter()-b

np.save(out+".npy",np.array(h)); settings={**settings,**summary(h)}
checkpoints.save(out,net,settings=settings,seed=seed,steps=settings["updates"],seconds=sec)
print(variant,seed,round(sec),summary(h),flush=True)
