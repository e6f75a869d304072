from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.urls import path

from privet.urls import *  # noqa: F403
from privet.urls import urlpatterns as pages


@login_not_required
def empty(request):
    return HttpResponse()


def empty_signed_in(request):
    return HttpResponse()


urlpatterns = [path("empty/", empty), path("empty/signed-in/", empty_signed_in), *pages]
