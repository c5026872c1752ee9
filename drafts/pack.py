import glob,os,json
from safetensors import safe_open
from safetensors.torch import save_file
KEEP=("ppo-","ppo_published-","direct-","direct_published-","plan-","jet-","straight-")
n=0
for f in glob.glob('/tmp/p39/parts2/*.safetensors'):
    b=os.path.basename(f)
    with safe_open(f,'pt') as h:
        meta=h.metadata(); t={k:h.get_tensor(k).half() for k in h.keys()} if b.startswith(KEEP) else {}
    save_file(t,f'/work/main/drafts/parts/{b}',metadata=meta); n+=os.path.getsize(f'/work/main/drafts/parts/{b}')
print(n/1e6,"MB")
