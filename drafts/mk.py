import re,nbformat,sys
src=open('/tmp/p39/recipe.py').read()
parts=re.split(r"^# ---- (\w+)\n",src,flags=re.M)[1:]
nb=nbformat.v4.new_notebook()
for name,body in zip(parts[::2],parts[1::2]):
    c=nbformat.v4.new_code_cell(body.strip("\n")); c.id="ppo-"+name; c.metadata={"tags":["recipe"]}; nb.cells.append(c)
nbformat.write(nb,sys.argv[1])
