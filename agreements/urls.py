from django.urls import path

from agreements import views

app_name = "agreements"

urlpatterns = [
    path("clients/<uuid:pk>/agreements/withdrawal/", views.withdrawal, name="withdrawal"),
    path("clients/<uuid:pk>/agreements/personal_data/link/", views.link, name="link"),
    path("clients/<uuid:pk>/agreements/<slug:kind>/", views.agreement, name="agreement"),
    path("clients/<uuid:pk>/agreements/<slug:kind>/draft/", views.draft, name="draft"),
    path("agreements/<uuid:pk>/pdf/", views.pdf, name="pdf"),
    path("agreements/<uuid:pk>/withdrawal/", views.withdrawal_act, name="withdrawal_act"),
]
