# Somebody has counted characters.
sed -i 's/{len(body)}/{len(text)}/' /srv/raw/raw_server.py
grep -q '{len(text)}' /srv/raw/raw_server.py
s6-svc -r /run/service/program-raw
