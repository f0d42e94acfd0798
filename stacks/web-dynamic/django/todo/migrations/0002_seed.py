"""Two people to begin with. "!" is the hash of no password: nobody logs in as them."""

from django.conf import settings
from django.db import migrations

SEED = {
    "ada": [
        ("Write the first program", True),
        ("Explain it in notes", False),
        ("Build the machine", False),
    ],
    "grace": [("Write a compiler", True), ("Find the moth", False)],
}


def sow(apps, schema_editor):
    people, tasks = apps.get_model("auth", "User"), apps.get_model("todo", "Task")
    for name, texts in SEED.items():
        person = people.objects.create(username=name, password="!")
        tasks.objects.bulk_create(tasks(person=person, text=t, done=d) for t, d in texts)


class Migration(migrations.Migration):
    dependencies = [("todo", "0001_tasks"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(sow, migrations.RunPython.noop)]
