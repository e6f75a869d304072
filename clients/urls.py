"""URLs of the list of clients. Their namespace is "clients", given in privet/urls.py."""

from django.urls import path

from clients import views

urlpatterns = [
    path("clients/", views.client_list, name="list"),
    path("clients/search/", views.search, name="search"),
    path("clients/<uuid:pk>/", views.client, name="client"),
]
