# The finished program is the one that comes with the lab: stacks/lab1/app/app.py.
tar -xpf /var/lib/labctl/tree.tar -C / srv/app/app.py
s6-svc -r /run/service/gunicorn-app
