"""URLs of adding a client and of step 1. Their namespace is "clients", given in privet/urls.py."""

from django.urls import path

from contact import views

urlpatterns = [
    path("clients/add/", views.add, name="add"),
    path("clients/<uuid:pk>/contact/", views.contact, name="contact"),
]
