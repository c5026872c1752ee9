#!/bin/bash
# $1: job of the old worker to wait for
cd /tmp/p39/train; export PYTHONPATH=. OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore
while [ ! -f /tmp/p39/parts/$1.safetensors ]; do sleep 2; done
while true; do
  i=$( ( flock 9; head -1 /tmp/p39/names; sed -i 1d /tmp/p39/names ) 9>/tmp/p39/lock )
  [ -z "$i" ] && break
  [ -f /tmp/p39/parts2/$i.safetensors ] && continue
  .venv/bin/python /tmp/p39/trainname.py $i /tmp/p39/parts2/$i.safetensors >> /tmp/p39/parts2/$i.log 2>&1
done
