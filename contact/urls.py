"""URLs of adding a client and of step 1. privet/urls.py includes them in the namespace "clients"."""

from django.urls import path

from clients.onboarding import CONTACT
from contact import change_views, views

CHANGE = f"{CONTACT.route}changes/<uuid:change_pk>/"

urlpatterns = [
    path("clients/add/", views.add, name="add"),
    path(CONTACT.route, views.contact, name=CONTACT.slug),
    path(CHANGE, change_views.status, name="contact_change"),
    path(f"{CHANGE}code/", change_views.code, name="contact_code"),
    path(f"{CHANGE}confirmation/", change_views.confirmation, name="contact_confirmation"),
    path(f"{CHANGE}request/", change_views.approval_request, name="contact_request"),
    path(f"{CHANGE}unconfirmed/", change_views.unconfirmed, name="contact_unconfirmed"),
    path(f"{CHANGE}cancellation/", change_views.cancellation, name="contact_cancellation"),
]
