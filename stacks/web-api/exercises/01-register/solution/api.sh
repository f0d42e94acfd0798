# The program that comes with the lab is one way to do it: stacks/web-api/app/app.py.
tar -xpf /var/lib/labctl/tree.tar -C / srv/api/app.py
s6-svc -r /run/service/gunicorn-api
