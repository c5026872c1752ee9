import numpy as np, sys
sys.path.insert(0,'/work/main')
from pbdl_helpers import datasets
d=datasets.load("airfoil_snapshots")
SCALE=np.array([4.3,2.15,2.35],np.float32)
def fields(k):
    s=d.sims[k].astype(np.float32); v=d.constants[k]["speed"]; m=s[:,3:4]; 
    p=s[:,:1]; fluid=(m[0,0]==0); p=(p-p[:,:,fluid].mean(2,keepdims=True)[...,None].reshape(len(p),1,1,1))*(m==0)
    return np.concatenate([p/v**2,s[:,1:3]/v],1), m
def cond(k):
    v=d.constants[k]["speed"]; a=np.deg2rad(20); m=d.sims[k][0,3]
    return np.stack([v*np.cos(a)*(1-m)/100,v*np.sin(a)*(1-m)/100,m]).astype(np.float32)
tr,te=[1,3,5,7,9],[0,2,4,6,8,10]
Y=np.concatenate([fields(k)[0] for k in tr]); mean=Y.mean((0,2,3)); std=Y.std((0,2,3)); print(mean,std, (Y/SCALE[:,None,None]).std((0,2,3)))
sc=std[:,None,None]; mu=mean[:,None,None]
np.savez_compressed('train.npz',x=np.concatenate([np.repeat(cond(k)[None],25,0) for k in tr]),y=((Y-mu)/sc).astype(np.float32),speed=np.repeat([d.constants[k]["speed"] for k in tr],25),x_test=np.stack([cond(k) for k in te]),mean=mean,std=std)
