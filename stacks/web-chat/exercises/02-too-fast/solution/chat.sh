sed -i 's/return True/return self.credit >= 0/' /srv/chat/rooms.py
s6-svc -r /run/service/websocket-chat
