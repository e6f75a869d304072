"""All URLs, app by app."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView

from managers.views import home

to_sign_in = login_not_required(
    RedirectView.as_view(pattern_name="managers:sign_in", query_string=True, http_method_names=["get", "head", "post"])
)
to_password = RedirectView.as_view(pattern_name="managers:password", http_method_names=["get", "head", "post"])

# One namespace for two apps: `clients:add` and `clients:contact` are labels of metrics and stay as they are.
client_pages = [path("", include("clients.urls")), path("", include("contact.urls"))]

handler500 = "foundation.web.server_errors.server_error"

urlpatterns = [
    path("", home, name="home"),
    path("", include("managers.urls")),
    path("", include((client_pages, "clients"))),
    path("", include("contact.decision_urls")),
    path("", include("links.urls")),
    path("", include("photos.urls")),
    path("", include("agreements.urls")),
    path("", include("passport.urls")),
    path("", include("devices.urls")),
    path("", include("contracts.urls")),
    path("", include("contracts.statistics_urls")),
    path("", include("client_page.urls")),
    path("", include("copies.urls")),
    path("", include("support.urls")),
    path("", include("erasure.urls")),
    path("", include("operations.urls")),
    # The admin site uses our sign-in and password pages, so the same limits apply.
    path("admin/login/", to_sign_in, name="admin_sign_in"),
    path("admin/password_change/", to_password, name="admin_password"),
    path("admin/", admin.site.urls),
]
