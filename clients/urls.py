"""URLs of the list of clients. privet/urls.py includes them in the namespace "clients"."""

from django.urls import path

from clients import views

urlpatterns = [
    path("clients/", views.client_list, name="list"),
    path("clients/search/", views.search, name="search"),
    path("clients/<uuid:pk>/", views.client, name="client"),
]
