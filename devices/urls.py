from django.urls import path

from clients.onboarding import DEVICES
from devices import views

app_name = "devices"

urlpatterns = [
    path(DEVICES.route, views.devices, name=DEVICES.slug),
    path(f"{DEVICES.route}add/", views.add, name="add"),
    path("clients/<uuid:pk>/tariff/", views.tariff, name="tariff"),
    path("clients/<uuid:pk>/surcharge/", views.surcharge, name="surcharge"),
    path("devices/<uuid:pk>/", views.device, name="device"),
    path("devices/<uuid:pk>/removal/", views.removal, name="removal"),
    path("devices/<uuid:pk>/photos/", views.photos, name="photos"),
    path("photos/<uuid:pk>/", views.photo, name="photo"),
    path("photos/<uuid:pk>/removal/", views.photo_removal, name="photo_removal"),
    path("p/<str:token>/", views.public_photo, name="public_photo"),
]
