from django.urls import path

from links import views

app_name = "links"

urlpatterns = [
    path("clients/<uuid:pk>/links/<uuid:link_pk>/", views.status, name="status"),
]
