from django.urls import path

from support import views

app_name = "support"

urlpatterns = [
    path("support/", views.ticket_list, name="tickets"),
    path("support/search/", views.search, name="search"),
    path("support/<uuid:pk>/", views.ticket, name="ticket"),
    path("support/<uuid:pk>/answer/", views.answer, name="answer"),
    path("support/messages/<uuid:pk>/attachment/", views.attachment, name="attachment"),
    path("support/<uuid:pk>/status/", views.status, name="status"),
    path("support/clients/<uuid:pk>/", views.client_card, name="client_card"),
]
