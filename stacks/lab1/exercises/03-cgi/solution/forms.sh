chmod 0755 /usr/lib/cgi-bin/forms/greet
