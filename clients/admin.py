from collections.abc import Callable, Iterable

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html

from clients import disclosure
from clients.disclosure import Disclosure, DisclosureKind
from clients.models import AppUser, Client, ClientChange, Status, TransitionRefused
from foundation.admin.base import BaseModelAdmin, ReadOnlyAdmin, ReadOnlyTabularInline
from foundation.templatetags import formats
from foundation.web import csv_download
from managers.history import history_of
from managers.history_admin import HistoryAdminMixin
from managers.models import Manager, Role

MAX_REASSIGN = 500


def assignable_managers():
    return Manager.objects.filter(is_active=True, role__in=[Role.MANAGER, Role.ADMIN])


class ClientSearchMixin:
    """Search rows by their client. `client_path` is the lookup from the row to the client."""

    client_path = "client"
    search_help_text = "Имя, телефон или почта клиента, номер договора"

    def get_queryset(self, request):
        # Prefetched, not joined: the app may have deleted the account, and the row must still be listed.
        return super().get_queryset(request).prefetch_related(f"{self.client_path}__user")

    def get_search_results(self, request, queryset, search_term):
        if search_term.strip():
            queryset = queryset.filter(**{f"{self.client_path}__in": Client.objects.search(search_term)})
        return queryset, False


class ReassignForm(ActionForm):
    manager = forms.ModelChoiceField(
        assignable_managers(), required=False, label="Менеджер:", empty_label="Кому передать"
    )


class ClientForm(forms.ModelForm):
    def clean_manager(self) -> Manager | None:
        manager = self.cleaned_data["manager"]
        if manager is None and self.instance.status != Status.NEW:
            raise ValidationError("Без менеджера может быть только новый клиент. Выберите менеджера.")
        return manager


class ClientChangeInline(ReadOnlyTabularInline):
    model = ClientChange
    fields = ["at", "by", "from_status", "to_status", "from_manager", "to_manager"]
    related = ("by", "from_manager", "to_manager")
    verbose_name_plural = "история"


@admin.register(Client)
class ClientAdmin(HistoryAdminMixin, BaseModelAdmin):
    """Read-only clients with the search of the managers' list. The only change made here is reassigning a client."""

    plural_forms = ("клиент", "клиента", "клиентов")
    animate = True
    list_display = ["name", "phone", "status", "manager", "created_at"]
    list_filter = ["status", "manager"]
    ordering = ["-created_at", "-id"]
    search_fields = ["search"]
    search_help_text = "Имя, телефон в любом виде, почта, адрес или номер договора"
    action_form = ReassignForm
    actions = ["reassign"]
    form = ClientForm
    readonly_fields = ["name", "phone", "email", "address", "status", "created_at", "claimed_at", "seen_by"]
    fields = ["manager", *readonly_fields]
    inlines = [ClientChangeInline]
    inlines_of_apps: list[type] = []
    histories_of_apps: list[Callable[[Client], list[QuerySet]]] = []

    @classmethod
    def extend(
        cls,
        *,
        inlines: Iterable[type] = (),
        actions: Iterable[Callable] = (),
        histories: Callable[[Client], list[QuerySet]] | None = None,
    ) -> None:
        """Add inlines, actions and histories of another app to the client's page. The app's admin module calls this.

        `histories` takes the client and returns querysets of history rows for the page «История».
        """
        cls.inlines_of_apps.extend(inlines)
        cls.actions.extend(actions)
        if histories:
            cls.histories_of_apps.append(histories)

    def get_inlines(self, request, obj):
        return [*self.inlines_of_apps, *self.inlines]

    def history_querysets(self, obj: Client) -> list[QuerySet]:
        contact = history_of(AppUser).filter(pgh_obj=obj.user_id)
        others = [rows for histories in self.histories_of_apps for rows in histories(obj)]
        return [obj.history.all(), contact, *others]

    @admin.display(description="имя")
    def name(self, client: Client) -> str:
        return str(client)

    @admin.display(description="телефон")
    def phone(self, client: Client) -> str:
        return formats.phone(client.account.shown_phone) if client.account else "—"

    @admin.display(description="электронная почта")
    def email(self, client: Client) -> str:
        return (client.account and client.account.shown_email) or "—"

    @admin.display(description="адрес")
    def address(self, client: Client) -> str:
        return (client.account and client.account.address) or "—"

    @admin.display(description="кто видел этого клиента")
    def seen_by(self, client: Client) -> str:
        url = reverse("admin:clients_disclosure_changelist", query={"client__id__exact": client.pk})
        return format_html('<a href="{}">Открыть список</a>', url)

    def before_history_view(self, request, obj) -> None:
        disclosure.record(obj, DisclosureKind.HISTORY, request=request)

    def has_add_permission(self, request) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def get_queryset(self, request):
        # Prefetched, not joined: the app may have deleted the account, and the client must still be listed.
        return super().get_queryset(request).select_related("manager").prefetch_related("user").defer("search")

    def get_search_results(self, request, queryset, search_term):
        return queryset.search(search_term), False

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        manager = form.base_fields["manager"]
        manager.queryset = Manager.objects.filter(Q(pk__in=assignable_managers()) | Q(pk=obj and obj.manager_id))
        manager.empty_label = "Не назначен"
        # Compare with the value that the page showed, not with a later change by another admin.
        manager.show_hidden_initial = True
        widget = manager.widget
        widget.can_add_related = widget.can_change_related = widget.can_delete_related = widget.can_view_related = False
        return form

    def change_view(self, request, object_id, form_url="", extra_context=None):
        response = super().change_view(request, object_id, form_url, extra_context)
        if response.status_code == 200:
            disclosure.record(response.context_data["original"], DisclosureKind.CARD, request=request)
        return response

    def save_model(self, request, obj, form, change):
        if "manager" in form.changed_data:
            try:
                obj.reassign(to=obj.manager, by=request.user)
            except TransitionRefused as refused:
                is_erased = refused.client.status == Status.ERASED
                reason = "Данные клиента удалены" if is_erased else "Клиента уже взяли в работу"
                self.message_user(request, f"{reason}: менеджер остался прежним.", messages.ERROR)

    @admin.action(description="Передать менеджеру")
    def reassign(self, request, queryset) -> TemplateResponse | None:
        to = assignable_managers().filter(pk=request.POST.get("manager") or None).first()
        if to is None:
            return self._choose_manager(request, queryset)
        selected = list(queryset.exclude(status=Status.ERASED)[: MAX_REASSIGN + 1])
        if len(selected) > MAX_REASSIGN:
            text = f"За один раз можно передать не больше {MAX_REASSIGN} клиентов. Сузьте выбор."
            self.message_user(request, text, messages.ERROR)
            return None
        reassigned = sum(_try_reassign(client, to, by=request.user) for client in selected)
        if reassigned:
            self.message_user(request, f"Передано клиентов: {reassigned}. Менеджер — {to}.", messages.SUCCESS)
        if reassigned < len(selected):
            text = f"Не передано клиентов: {len(selected) - reassigned}. Их данные только что удалены."
            self.message_user(request, text, messages.WARNING)
        return None

    def _choose_manager(self, request, queryset) -> TemplateResponse:
        """Ask who gets the ticked clients, which the list would forget."""
        names = (helpers.ACTION_CHECKBOX_NAME, "select_across", "index")
        context = self.admin_site.each_context(request) | {
            "title": "Кому передать клиентов",
            "selection": [(name, request.POST.getlist(name)) for name in names],
            "number": queryset.count(),
            "managers": assignable_managers(),
        }
        return TemplateResponse(request, "admin/clients/reassign.html", context)


def _try_reassign(client: Client, to: Manager, *, by: Manager) -> bool:
    """Reassign the client. Return False if its data was erased, or its row deleted, after the list was read."""
    try:
        client.reassign(to=to, by=by)
    except (TransitionRefused, Client.DoesNotExist):
        return False
    return True


@admin.register(Disclosure)
class DisclosureAdmin(ClientSearchMixin, ReadOnlyAdmin):
    """«Кто видел этого клиента»: who was shown which personal data, and when."""

    plural_forms = ("показ личных данных", "показа личных данных", "показов личных данных")
    list_display = columns = ["at", "client_name", "by", "what", "document", "ip", "request_id"]
    list_filter = ["what", ("by", admin.RelatedOnlyFieldListFilter)]
    list_display_links = None
    ordering = ["-at", "-id"]
    search_fields = ["client"]
    change_list_template = "admin/disclosures.html"

    def get_queryset(self, request):
        # The client is not joined: its row may have been deleted with a closed account.
        return super().get_queryset(request).select_related("by")

    @admin.display(description="клиент")
    def client_name(self, disclosure: Disclosure) -> str:
        try:
            return disclosure.client.user.name
        except ObjectDoesNotExist:
            return "учётная запись закрыта"

    def get_urls(self):
        view = self.admin_site.admin_view(self.csv)
        return [path("csv/", view, name="clients_disclosure_csv"), *super().get_urls()]

    def csv(self, request):
        """Download the filtered list as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        heading = ["Когда", "Клиент", "Кому показано", "Что показано", "Документ", "Адрес", "Запрос"]
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:  # the list shows the error message
            return redirect(reverse("admin:clients_disclosure_changelist", query={ERROR_FLAG: 1}))
        return csv_download.csv_response("Кто видел клиентов", heading, map(self._row, rows.iterator(500)))

    def _row(self, disclosure: Disclosure) -> list:
        at = f"{timezone.localtime(disclosure.at):%d.%m.%Y %H:%M:%S}"
        what = disclosure.get_what_display()
        values = [disclosure.by, what, disclosure.document, disclosure.ip, disclosure.request_id]
        return [at, self.client_name(disclosure), *values]
