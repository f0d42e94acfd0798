tar -xpf /var/lib/labctl/tree.tar -C / srv/api/app.py
s6-svc -r /run/service/gunicorn-api
