"""Which path is answered by which function."""

from django.urls import path, re_path

from todo import views

urlpatterns = [
    path("", views.index),
    path("register", views.register),
    path("login", views.enter),
    path("logout", views.leave),
    path("tasks", views.add),
    re_path(r"^tasks/(?P<number>[0-9]{1,18})/(?P<action>done|delete)$", views.change),
    path("people/<str:name>", views.profile),
    path("health", views.health),
]
