"""Composes the notebook: markdown M(...), code C(...)."""
import re, sys, nbformat
src=open('/tmp/p39/recipe.py').read()
parts=re.split(r"^# ---- (\w+)\n",src,flags=re.M)[1:]
R={n:b.strip("\n") for n,b in zip(parts[::2],parts[1::2])}
cells=[]
def M(id,text): 
    c=nbformat.v4.new_markdown_cell(text.strip("\n")); c.id=id; cells.append(c)
def C(id,text,*tags,fig=None,alt=None,name=None):
    c=nbformat.v4.new_code_cell(text.strip("\n")); c.id=id
    m={}
    if tags: m["tags"]=list(tags)
    if fig: m["mystnb"]={"figure":{"caption":fig,"name":name},"image":{"alt":alt}}
    c.metadata=m; cells.append(c)
boot=nbformat.read('/work/main/notebooks/_template.ipynb',4)
BOOT=next(c for c in boot.cells if c.id=="template-1")
exec(open('/tmp/p39/content.py').read())
i=next(k for k,c in enumerate(cells) if c.id=="ppo-intro"); 
b=nbformat.v4.new_code_cell(BOOT.source); b.id="template-1"; b.metadata={"tags":["hide-input"]}; cells.insert(i+1,b)
nb=nbformat.v4.new_notebook(cells=cells); nb.metadata=boot.metadata; nb.metadata.pop("pbdl",None)
nbformat.write(nb,sys.argv[1])
