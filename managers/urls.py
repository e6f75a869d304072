from django.urls import path

from managers import second_factor_views, session_views, views

app_name = "managers"

urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("second-factor/", second_factor_views.second_factor, name="second_factor"),
    path("second-factor/app/", second_factor_views.authenticator, name="authenticator"),
    path("second-factor/backup-codes/", second_factor_views.backup_codes, name="backup_codes"),
    path("sessions/", session_views.session_list, name="sessions"),
    path("sessions/others/removal/", session_views.others_removal, name="others_removal"),
    path("sessions/<uuid:public_id>/removal/", session_views.session_removal, name="session_removal"),
    path("password/", views.password, name="password"),
    path("password-reset/", views.password_reset, name="password_reset"),
    path("password-reset/sent/", views.password_reset_sent, name="password_reset_sent"),
    path("password-reset/done/", views.password_done, name="password_done"),
    path("password-reset/<uidb64>/<token>/", views.new_password, name="new_password"),
]
