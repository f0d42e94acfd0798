"""A to-do list with accounts, in Django. Accounts, sessions and tokens of forms are its own."""

import django
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from todo.models import Task


class NoDatabase:
    """Says so where the database does not answer."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, problem):
        if isinstance(problem, OperationalError):
            return plain("The database does not answer.\n", 503)


def plain(text, status=200):
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def to_list():
    answer = redirect("/")
    answer.status_code = 303
    return answer


def page(request, message="", status=200):
    person = request.user if request.user.is_authenticated else None
    context = {
        "framework": f"Django {django.get_version()} under {request.META['SERVER_SOFTWARE']}",
        "people": User.objects.count(),
        "all_tasks": Task.objects.count(),
        "person": person and {"name": person.username},
        "tasks": person.tasks.all() if person else [],
        "message": message,
    }
    return render(request, "todo.html", context, status=status)


def credentials(request):
    return request.POST.get("name", "").strip(), request.POST.get("password", "")


@require_GET
def index(request):
    return page(request)


@require_POST
def register(request):
    name, password = credentials(request)
    if not 1 <= len(name) <= 40 or not name.isprintable() or not 8 <= len(password) <= 200:
        return page(request, "A name of at most 40 characters, and a password of at least 8.", 400)
    try:
        with transaction.atomic():
            person = User.objects.create_user(name, password=password)
    except IntegrityError:
        return page(request, "That name is taken.", 409)
    login(request, person)
    return to_list()


@require_POST
def enter(request):
    name, password = credentials(request)
    person = authenticate(request, username=name.replace("\0", ""), password=password)
    if person is None:
        return page(request, "No such name, or another password.", 403)
    login(request, person)  # with a session that nobody knew before
    return to_list()


@require_POST
def leave(request):
    logout(request)
    return to_list()


@require_POST
def add(request):
    text = request.POST.get("text", "").strip()
    if not request.user.is_authenticated:
        return plain("Forbidden\n", 403)
    if not 1 <= len(text) <= 200 or "\0" in text:
        return page(request, "A task has 1 to 200 characters.", 400)
    Task.objects.create(person=request.user, text=text)
    return to_list()


@require_POST
def change(request, number, action):
    """Only one's own tasks: somebody else's are not there."""
    if not request.user.is_authenticated:
        return plain("Forbidden\n", 403)
    task = get_object_or_404(Task, pk=number, person=request.user)
    if action == "delete":
        task.delete()
    else:
        task.done = not task.done
        task.save(update_fields=["done"])
    return to_list()


@require_GET
def profile(request, name):
    people = User.objects.annotate(open=Count("tasks", filter=Q(tasks__done=False)))
    person = get_object_or_404(people, username=name.replace("\0", ""))
    return plain(f"{person.username}: {person.open} open tasks\n")


@require_GET
def health(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return plain("ok\n")
