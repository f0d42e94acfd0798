rm -f /usr/lib/cgi-bin/forms/greet
