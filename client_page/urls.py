from django.urls import path

from client_page import contract_views, views

app_name = "client_page"

urlpatterns = [
    # With the token, and short, because it is also sent as a text message. All other addresses are useless without the
    # cookie of the browser in which the link was opened.
    path("c/<slug:token>/", views.open_link, name="open"),
    path("page/<uuid:pk>/", views.page, name="page"),
    path("page/<uuid:pk>/consent/", views.consent, name="consent"),
    path("page/<uuid:pk>/reading/", views.reading, name="reading"),
    path("page/<uuid:pk>/call/", views.call, name="call"),
    path("page/<uuid:pk>/refusal/", views.refusal, name="refusal"),
    path("page/<uuid:pk>/passport/", contract_views.passport, name="passport"),
    path("page/<uuid:pk>/pdf/", contract_views.pdf_file, name="pdf"),
    path("page/<uuid:pk>/code/", contract_views.code, name="code"),
    path("page/<uuid:pk>/code/delivery/", contract_views.delivery, name="delivery"),
    path("page/<uuid:pk>/signature/", contract_views.signature, name="signature"),
]
