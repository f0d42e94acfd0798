# The name says what the attributes must be, so that no other host can set one of that name.
cd /srv/shop
python3 - <<'PYTHON'
from pathlib import Path

file = Path("careless.py")
text = file.read_text()
for old, new in (
    ('COOKIE = "session"', 'COOKIE = "__Host-session"'),
    ('secure=True, samesite="None", path="/")', 'secure=True, httponly=True, samesite="Lax", path="/")'),
):
    assert old in text, old
    text = text.replace(old, new)
file.write_text(text)
PYTHON
s6-setuidgid www-data env DATA_DIR=/var/opt/shop PYTHONDONTWRITEBYTECODE=1 python3 -c 'import shop'
s6-svc -r /run/service/gunicorn-shop
