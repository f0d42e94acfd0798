sed -i \
    -e 's/^from socketserver import TCPServer/from socketserver import TCPServer, ThreadingMixIn/' \
    -e 's/^class Server(TCPServer):/class Server(ThreadingMixIn, TCPServer):/' /srv/one/serve.py
grep -q '^class Server(ThreadingMixIn' /srv/one/serve.py
s6-svc -r /run/service/workers-one
