sed -i 's/^class Server(/class Server(socketserver.ThreadingMixIn, /' /srv/one/serve.py
grep -q '^class Server(socketserver.ThreadingMixIn, ' /srv/one/serve.py
s6-svc -r /run/service/workers-one
