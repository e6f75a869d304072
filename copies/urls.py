from django.urls import path

from copies import views

app_name = "copies"

urlpatterns = [
    # Short, because messages name it and people type it.
    path("copy/", views.start, name="start"),
    path("copy/code/", views.code, name="code"),
    path("copy/<uuid:pk>/", views.documents, name="documents"),
    path("copy/<uuid:pk>/closing/", views.closing, name="closing"),
    path("copy/<uuid:pk>/<slug:kind>/<uuid:document>/", views.file, name="file"),
]
