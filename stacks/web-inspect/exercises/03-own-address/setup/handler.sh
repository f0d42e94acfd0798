s6-svc -r /run/service/program-handler
