"""URLs of adding a client and of step 1. Their namespace is "clients", given in privet/urls.py."""

from django.urls import path

from clients.onboarding import CONTACT
from contact import views

urlpatterns = [
    path("clients/add/", views.add, name="add"),
    path(CONTACT.route, views.contact, name=CONTACT.slug),
]
