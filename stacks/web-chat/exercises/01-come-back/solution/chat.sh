sed -i 's/if event\["id"\]\]/if event["id"] > number]/' /srv/chat/rooms.py
s6-svc -r /run/service/websocket-chat
