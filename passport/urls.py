from django.urls import path

from passport import views

app_name = "passport"

urlpatterns = [
    path("clients/<uuid:pk>/passport/", views.passport, name="passport"),
    path("clients/<uuid:pk>/passport/number/", views.number, name="number"),
    path("clients/<uuid:pk>/passport/photo/", views.photo, name="photo"),
    path("clients/<uuid:pk>/passport/photo/removal/", views.photo_removal, name="photo_removal"),
]
