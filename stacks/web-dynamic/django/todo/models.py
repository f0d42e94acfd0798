"""What is in the database, beside the people, who are django.contrib.auth's."""

from django.conf import settings
from django.db import models


class Task(models.Model):
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tasks")
    text = models.CharField(max_length=200)
    done = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]
