"""The history of an object in the admin site: who changed what, filtered, in pages and as a table to download."""

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import path, reverse

from foundation.web import csv_download
from managers.history_feed import CSV_HEADER, HistoryFeed
from managers.models import Manager


class HistoryAdminMixin:
    """For admin classes of tracked models. `histories` says of which rows the page of an object tells."""

    has_history = True

    def histories(self, obj) -> list:
        return [obj.history.all()]

    def history_shown(self, request, obj) -> None:
        """Called before the history of `obj` is shown."""

    def get_urls(self):
        name = f"{self.opts.app_label}_{self.opts.model_name}_history_csv"
        view = self.admin_site.admin_view(self.history_csv)
        return [path("<path:object_id>/history/csv/", view, name=name), *super().get_urls()]

    def history_view(self, request, object_id, extra_context=None):
        obj, feed = self._object_and_feed(request, object_id)
        page = feed.pages.get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"История: {obj}",
            "object": obj,
            "opts": self.opts,
            "feed": feed,
            "page": page,
            "changes": feed.changes(list(page)),
            "people": Manager.objects.order_by("name"),
            "csv": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_history_csv", args=[obj.pk]),
        }
        return TemplateResponse(request, "admin/history.html", context)

    def history_csv(self, request, object_id):
        obj, feed = self._object_and_feed(request, object_id)
        return csv_download.csv_response(f"История {obj.pk}", CSV_HEADER, feed.rows())

    def _object_and_feed(self, request, object_id):
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        self.history_shown(request, obj)
        return obj, HistoryFeed(self.histories(obj), kind=request.GET.get("kind", ""), by=request.GET.get("by", ""))
