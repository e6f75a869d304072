"""URLs of adding a client and of step 1. privet/urls.py includes them in the namespace "clients"."""

from django.urls import path

from clients.onboarding import CONTACT
from contact import views

urlpatterns = [
    path("clients/add/", views.add, name="add"),
    path(CONTACT.route, views.contact, name=CONTACT.slug),
]
