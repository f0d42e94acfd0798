tar -xpf /var/lib/labctl/tree.tar -C / srv/chat/rooms.py
s6-svc -r /run/service/websocket-chat
