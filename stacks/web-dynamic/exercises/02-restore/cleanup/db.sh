if [ -e /var/opt/db/backups/uwsgi-last-night.dump ]; then
    db-restore uwsgi /var/opt/db/backups/uwsgi-last-night.dump
fi
rm -f /var/opt/db/backups/uwsgi-last-night.dump /var/opt/db/backups/uwsgi-this-morning.dump
