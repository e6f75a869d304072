from django.urls import path

from clients.onboarding import PASSPORT
from passport import views

app_name = "passport"

urlpatterns = [
    path(PASSPORT.route, views.passport, name=PASSPORT.slug),
    path(f"{PASSPORT.route}number/", views.number, name="number"),
    path(f"{PASSPORT.route}photo/", views.photo, name="photo"),
    path(f"{PASSPORT.route}photo/removal/", views.photo_removal, name="photo_removal"),
]
