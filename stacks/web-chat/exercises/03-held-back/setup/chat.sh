# A header field "that no browser looks at" is gone.
sed -i '/X-Accel-Buffering/d' /srv/chat/chat.py
s6-svc -r /run/service/websocket-chat
