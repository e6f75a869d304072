"""List and end the current user's sessions."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from managers import sessions


@require_safe
def session_list(request):
    rows = list(sessions.active_sessions(request.user))
    for row in rows:
        row.is_this = row.session_key == request.session.session_key
    return render(request, "managers/sessions.html", {"sessions": rows, "others": len(rows) > 1})


@require_POST
def others_removal(request):
    sessions.end_other_sessions(request)
    messages.success(request, "На других устройствах вы вышли.")
    return redirect("managers:sessions")


@require_POST
def session_removal(request, public_id):
    get_object_or_404(request.user.sessions, public_id=public_id).delete()
    messages.success(request, "Сеанс закончен.")
    return redirect("managers:sessions")
