tar -xpf /var/lib/labctl/tree.tar -C / srv/flask/app.py
s6-svc -wr -T 20000 -r /run/service/gunicorn-flask
/usr/lib/labctl/ready 40 >/dev/null
