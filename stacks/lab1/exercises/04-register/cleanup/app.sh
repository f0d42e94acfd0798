tar -xpf /var/lib/labctl/tree.tar -C / srv/app/app.py
s6-svc -r /run/service/gunicorn-app
