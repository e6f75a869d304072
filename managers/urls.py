from django.urls import path

from managers import views

app_name = "managers"

urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("password/", views.password, name="password"),
    path("password-reset/", views.password_reset, name="password_reset"),
    path("password-reset/sent/", views.password_reset_sent, name="password_reset_sent"),
    path("password-reset/done/", views.password_done, name="password_done"),
    path("password-reset/<uidb64>/<token>/", views.new_password, name="new_password"),
]
