"""The history of an object in the admin site: who changed what, with filters, pages and a CSV download."""

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import path, reverse

from foundation.web import csv_download
from managers.history_feed import CSV_HEADER, HistoryFeed
from managers.models import Manager


class HistoryAdminMixin:
    """Mixin for admin classes of tracked models. `history_querysets` returns the rows that the history page shows."""

    has_history = True

    def history_querysets(self, obj) -> list:
        return [obj.history.all()]

    def before_history_view(self, request, obj) -> None:
        """Hook that is called before the history of `obj` is shown."""

    def get_urls(self):
        name = f"{self.opts.app_label}_{self.opts.model_name}_history_csv"
        view = self.admin_site.admin_view(self.history_csv)
        return [path("<path:object_id>/history/csv/", view, name=name), *super().get_urls()]

    def history_view(self, request, object_id, extra_context=None):
        obj, feed = self._object_and_feed(request, object_id)
        page = feed.paginator.get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"История: {obj}",
            "object": obj,
            "opts": self.opts,
            "feed": feed,
            "page": page,
            "changes": feed.entries(list(page)),
            "people": Manager.objects.order_by("name"),
            "csv": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_history_csv", args=[obj.pk]),
        }
        return TemplateResponse(request, "admin/history.html", context)

    def history_csv(self, request, object_id):
        obj, feed = self._object_and_feed(request, object_id)
        return csv_download.csv_response(f"История {obj.pk}", CSV_HEADER, feed.csv_rows())

    def _object_and_feed(self, request, object_id):
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        self.before_history_view(request, obj)
        filters = {name: request.GET.get(name, "") for name in ("kind", "by")}
        return obj, HistoryFeed(self.history_querysets(obj), **filters)
