tar -xpf /var/lib/labctl/tree.tar -C / srv/news/news.py
s6-svc -r /run/service/gunicorn-news
