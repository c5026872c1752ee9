exec(open('/tmp/p35/pgnb/head.py').read())
