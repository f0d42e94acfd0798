tar -xpf /var/lib/labctl/tree.tar -C / srv/chat/chat.py
s6-svc -r /run/service/websocket-chat
