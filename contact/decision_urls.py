"""URLs of the admins' page «Изменения контактов»."""

from django.urls import path

from contact import decision_views

app_name = "contact_changes"

urlpatterns = [
    path("contact-changes/", decision_views.waiting, name="waiting"),
    path("contact-changes/<uuid:pk>/approval/", decision_views.approval, name="approval"),
    path("contact-changes/<uuid:pk>/rejection/", decision_views.rejection, name="rejection"),
]
