db-restore uwsgi /var/opt/db/backups/uwsgi-last-night.dump
