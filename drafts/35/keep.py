import torch, json
from safetensors.torch import save_file
d=torch.load('/tmp/gpu35/nets.pt',weights_only=False); out={}
for job,state in zip(d['jobs'],d['states']):
    kind,w,s,part=job
    if kind=='diffusion' and w==8: continue
    for k,v in state.items(): out[f'{kind}-{w}-{s}.{k}']=v.contiguous()
save_file(out,'gpu_nets.safetensors',metadata={'steps':str(d['steps']),'curve':json.dumps(d['curve']),'jobs':json.dumps(d['jobs'])})
