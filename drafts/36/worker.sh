# takes the next line of jobs.txt, one at a time, until there is none
while true; do
  line=$(flock jobs.lock bash -c 'head -1 jobs.txt; sed -i 1d jobs.txt')
  [ -z "$line" ] && { sleep 5; [ -e stop ] && exit; continue; }
  echo "$(date +%T) $line"; eval "/work/main/.venv/bin/python $line" 2>&1 | grep -v "book scale"
done
