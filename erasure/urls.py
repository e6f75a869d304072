from django.urls import path

from erasure import views

app_name = "erasure"

urlpatterns = [path("erasures/<int:number>/act/", views.act, name="act")]
