tar -xpf /var/lib/labctl/tree.tar -C / srv/shop/careless.py
s6-svc -r /run/service/gunicorn-shop
