# Everybody gets everything, each time they come back.
sed -i 's/if event\["id"\] > number\]/if event["id"]]/' /srv/chat/rooms.py
grep -q 'if event\["id"\]\]' /srv/chat/rooms.py
s6-svc -r /run/service/websocket-chat
