# A number of our own after each login, a token in each form, and nothing kept after the end.
cd /srv/shop
python3 - <<'PYTHON'
from pathlib import Path

file = Path("careless.py")
text = file.read_text()
for old, new in (
    ('user=user, token="",', 'user=user, token=found["token"] if found else "",'),
    (
        '''    if "session" in request.args:
        remember(answer, request.args["session"])
''',
        "",
    ),
    (
        "number = request.cookies.get(COOKIE) or secrets.token_urlsafe(32)",
        "number, token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)",
    ),
    (
        '''"REPLACE INTO sessions VALUES (?, ?, '', ?)", number, user, time.time())''',
        '''"INSERT INTO sessions VALUES (?, ?, ?, ?)", number, user, token, time.time())''',
    ),
    (
        '''    what = request.form.get("what", "")[:100]
''',
        '''    token = request.form.get("token", "").encode()
    if not secrets.compare_digest(found["token"].encode(), token):
        abort(403, "this form does not come from our page")
    what = request.form.get("what", "")[:100]
''',
    ),
    (
        '''def logout():
''',
        '''def logout():
    store.all("DELETE FROM sessions WHERE id = ?", request.cookies.get(COOKIE, ""))
''',
    ),
):
    assert text.count(old) == 1, old
    text = text.replace(old, new)
file.write_text(text)
PYTHON
s6-setuidgid www-data env DATA_DIR=/var/opt/shop PYTHONDONTWRITEBYTECODE=1 python3 -c 'import shop'
s6-svc -r /run/service/gunicorn-shop
