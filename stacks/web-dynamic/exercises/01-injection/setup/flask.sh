sed -i "/WHERE name = %s GROUP BY name/{s/%s/'\" + name + \"'/;n;d}" /srv/flask/app.py
grep -q "+ name +" /srv/flask/app.py
s6-svc -wr -T 20000 -r /run/service/gunicorn-flask
/usr/lib/labctl/ready 40 >/dev/null
