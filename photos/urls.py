from django.urls import path

from photos import local_files, views

urlpatterns = [
    path("clients/<uuid:pk>/uploads/", views.create, name="uploads"),
    path("uploads/<uuid:pk>/completion/", views.complete, name="upload_completion"),
    path("uploads/<uuid:pk>/removal/", views.discard, name="upload_removal"),
    path("uploads/<uuid:pk>/photo/", views.photo, name="upload_photo"),
    path("storage/uploads/<str:token>/", local_files.receive_upload, name="stored_upload"),
    path("storage/objects/<str:token>/", local_files.serve_photo, name="stored_object"),
]
