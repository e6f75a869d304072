from django.urls import path

from clients import views

app_name = "clients"

urlpatterns = [
    path("clients/", views.client_list, name="list"),
    path("clients/search/", views.search, name="search"),
    path("clients/add/", views.add, name="add"),
    path("clients/<uuid:pk>/", views.client, name="client"),
    path("clients/<uuid:pk>/contact/", views.contact, name="contact"),
]
