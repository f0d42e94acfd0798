# The Daily Nag asks as the Honest Herald does.
cd /srv/news
python3 - <<'PYTHON'
from pathlib import Path

file = Path("news.py")
text = file.read_text()
for old, new in (
    ('return nagging(number) if names.this_site() == "nagging" else asking(number)', "return asking(number)"),
    ('    nags = names.this_site() == "nagging"\n', ""),
    ('shown("partners.html" if nags else "choices.html", 0, agreed=consent(), ads=nags)', 'shown("choices.html", 0, agreed=consent(), ads=False)'),
):
    assert text.count(old) == 1, old
    text = text.replace(old, new)
file.write_text(text)
PYTHON
s6-setuidgid www-data env DATA_DIR=/var/opt/news PYTHONDONTWRITEBYTECODE=1 python3 -c 'import news'
s6-svc -r /run/service/gunicorn-news
