"""Every address of Privet, app by app."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from managers.views import home

urlpatterns = [
    path("", home, name="home"),
    path("", include("managers.urls")),
    path("", include("clients.urls")),
    path("", include("passport.urls")),
    path("", include("devices.urls")),
    path("", include("contracts.urls")),
    path("", include("support.urls")),
    # One way in: signing in to the admin site obeys the same limits as everywhere.
    path("admin/login/", RedirectView.as_view(pattern_name="managers:sign_in", query_string=True)),
    path("admin/", admin.site.urls),
]
