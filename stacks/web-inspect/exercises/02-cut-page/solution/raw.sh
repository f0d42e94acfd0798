sed -i 's/{len(text)}/{len(body)}/' /srv/raw/raw_server.py
s6-svc -r /run/service/program-raw
