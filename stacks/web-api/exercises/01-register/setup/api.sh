cd /srv/api
s6-setuidgid www-data env DATA_DIR=/var/opt/api PYTHONDONTWRITEBYTECODE=1 python3 -c 'import app'
s6-svc -r /run/service/gunicorn-api
