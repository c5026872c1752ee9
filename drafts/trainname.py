import sys; sys.path.insert(0,'data/recipes/networks')
import networks as N
v,s=sys.argv[1].rsplit("-",1)
space=N.cells("burgers_ppo"); N.cells=lambda _: space; i=N.pairs(space).index((v,int(s)))
N.train("burgers_ppo",i,sys.argv[2])
