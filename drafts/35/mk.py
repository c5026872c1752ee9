exec(open('/tmp/p35/pgnb/head.py').read()); exec(open('/tmp/p35/pgnb/body.py').read()); exec(open('/tmp/p35/pgnb/body2.py').read())
