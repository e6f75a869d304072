"""Base classes of the admin pages: capped counts, and read-only pages for rows that other code changes."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ActionLocation
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.text import capfirst

from foundation.admin.declension import DeclensionMixin
from foundation.templatetags import formats

MAX_COUNT = 10_000


class CappedPaginator(Paginator):
    """Count at most MAX_COUNT rows. Beyond that, people search."""

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:MAX_COUNT].count()


class BaseModelAdmin(DeclensionMixin, admin.ModelAdmin):
    """An admin class whose list takes the same time for ten rows and for a million."""

    has_history = False
    list_per_page = 50
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_action_choices(self, request, default_choices=None, action_location=ActionLocation.CHANGE_LIST):
        default_choices = default_choices or [("", "Выберите действие")]
        return super().get_action_choices(request, default_choices, action_location)

    def response_action(self, request, queryset, **options):
        try:
            for pk in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(pk)  # raises ValidationError, where a query with a number raises ValueError
            return super().response_action(request, queryset, **options)
        except ValidationError:
            self.message_user(request, "Таких записей нет. Отметьте их в списке.", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def changelist_view(self, request, extra_context=None):
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title} | (extra_context or {}))

    def render_change_form(self, request, context, *args, **kwargs):
        return super().render_change_form(request, context | {"has_history": self.has_history}, *args, **kwargs)


def rubles_column(model: type[models.Model], field: str) -> Callable:
    """Return an admin column that shows an amount field of `model` as our pages do, sorted by the amount."""
    heading = model._meta.get_field(field).verbose_name.removesuffix(", ₽")

    @admin.display(description=heading, ordering=field)
    def column(self, row) -> str:
        return formats.rubles(getattr(row, field)) or "—"

    return column


class _ReadOnlyMixin:
    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


class ReadOnlyAdmin(_ReadOnlyMixin, BaseModelAdmin):
    """Rows that can be viewed but not changed; POST requests get 403."""


class _ReadOnlyInline(_ReadOnlyMixin):
    extra = 0
    related: tuple[str, ...] = ()
    deferred: tuple[str, ...] = ()

    def get_queryset(self, request):
        rows = super().get_queryset(request).defer(*self.deferred)
        return rows.select_related(*self.related) if self.related else rows


class ReadOnlyTabularInline(_ReadOnlyInline, admin.TabularInline):
    """Read-only rows of the object. `related` are loaded in the same query, `deferred` columns are not loaded."""


class ReadOnlyStackedInline(_ReadOnlyInline, admin.StackedInline):
    """The object's single row, read-only."""
