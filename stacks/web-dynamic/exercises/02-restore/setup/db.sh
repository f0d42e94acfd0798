db-backup uwsgi /var/opt/db/backups/uwsgi-last-night.dump
db-sql uwsgi -qc 'DELETE FROM people'
db-backup uwsgi /var/opt/db/backups/uwsgi-this-morning.dump
