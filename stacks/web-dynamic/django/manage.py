"""Django's own commands: `as-django python3 manage.py help` lists them."""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo.settings")
execute_from_command_line(sys.argv)
