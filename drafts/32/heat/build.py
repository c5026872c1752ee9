import re,sys
from pathlib import Path
sys.path.insert(0,'/work/main')
import nbformat
HERE='/work/main/drafts/32/heat/'
code=open(HERE+'code.py').read()
parts=re.split(r'^# --- cell: (.*)\n',code,flags=re.M)[1:]
C={k.strip():v.strip('\n') for k,v in zip(parts[::2],parts[1::2])}
cells=[]
FOLD=('hide-input',); FIG=('hide-input','remove-output')
def md(i,s): cells.append(('markdown',i,{},s.strip('\n')))
def co(i,s,tags=()):
    cells.append(('code',i,{'tags':list(tags)} if tags else {},s.strip('\n')))
exec(open(HERE+'text.py').read())
out=Path(sys.argv[1])
n=nbformat.read('/work/main/notebooks/_template.ipynb',4)
n.metadata.pop('pbdl',None); n.cells=[]
for kind,i,meta,src in cells:
    new=nbformat.v4.new_code_cell if kind=='code' else nbformat.v4.new_markdown_cell
    c=new(src,metadata=meta); c.id=i; n.cells.append(c)
out.write_text(nbformat.writes(n)+"\n")
