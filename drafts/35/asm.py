import nbformat,sys
src=open('/tmp/p35/pgnb/head.py').read()+open('/tmp/p35/pgnb/body.py').read()+open('/tmp/p35/pgnb/body2.py').read()+open('/tmp/p35/pgnb/figs.py').read()+open('/tmp/p35/pgnb/tail.py').read()+open('/tmp/p35/pgnb/after.py').read()
exec(src)
ref=nbformat.read('/work/main/notebooks/probabilistic/flow_matching.ipynb',4)
order=['pg-title','template-1','pg-imports','pg-settings','pg-problem-text','pg-flow','pg-prior','pg-exact-text','pg-exact','pg-judge-text','pg-judge','pg-problem-figure','pg-problem-after','pg-guide-text','pg-guide','pg-guide-table','pg-guide-after','pg-learn-text','pg-network','pg-train','pg-plateau-text','pg-control-text','pg-control','pg-longer','pg-control-table','pg-control-after','pg-project-text','pg-project','pg-key-figure','pg-project-after','pg-speed-text','pg-speed','pg-speed-run','pg-speed-network','pg-speed-table','pg-speed-after','pg-cost','pg-summary','pg-claims','pg-exercises','pg-solution-steps','pg-exercises-2','pg-solution-members','pg-exercises-3']
d={i:(k,m,s) for k,i,m,s in CELLS}
assert set(order)==set(d),(set(order)^set(d))
nb=nbformat.v4.new_notebook(metadata={k:v for k,v in ref.metadata.items() if k!='pbdl'})
tmpl=next(c for c in ref.cells if '%pip install' in c.source)
for i in order:
    k,m,s=d[i]
    if i=='template-1': s=tmpl.source; m=dict(tmpl.metadata)
    c=(nbformat.v4.new_markdown_cell if k=='markdown' else nbformat.v4.new_code_cell)(s); c.id=i if i!='template-1' else tmpl.id
    c.metadata.update({a:b for a,b in m.items() if a!='execution'}); nb.cells.append(c)
nbformat.write(nb,sys.argv[1])
