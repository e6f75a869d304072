"""Russian declension of model names in the admin site. Django knows only the nominative and one plural."""

import re

from django.contrib.admin.views.main import ChangeList

from foundation.russian.plurals import plural


class DeclinedChangeList(ChangeList):
    @property
    def counted_name(self) -> str:
        return self.model_admin.format_count(self.result_count)

    @property
    def accusative(self) -> str:
        return self.model_admin.accusative


class DeclensionMixin:
    """Mixin for admin classes. `plural_forms` go with 1, 2 and 5; `animate` is true for names of people."""

    plural_forms: tuple[str, str, str]
    animate = False

    @property
    def accusative(self) -> str:
        """The form after «изменить»: «тариф», but «клиента». No model has a feminine name in -а, so none is handled."""
        return self.plural_forms[1] if self.animate else self.plural_forms[0]

    def format_count(self, number: int) -> str:
        """«21 договор», «22 договора», «25 договоров»."""
        return f"{number} {plural(number, *self.plural_forms)}"

    def get_changelist(self, request, **kwargs):
        return DeclinedChangeList

    def changelist_view(self, request, extra_context=None):
        # «Выбрать все записи» is right for every model; Django's «Выбрать все клиенты» is not.
        return super().changelist_view(request, {"module_name": "записи"} | (extra_context or {}))

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        verb = "Добавить" if add else "Изменить" if self.has_change_permission(request, obj) else "Просмотреть"
        context["title"] = f"{verb} {self.accusative}"
        return super().render_change_form(request, context, add, change, form_url, obj)

    def message_user(self, request, message, *args, **kwargs):
        super().message_user(request, self._fix_declension(message), *args, **kwargs)

    def _fix_declension(self, message: str) -> str:
        """Correct Django's «3 типы устройств были изменены» and «Вы можете добавить еще один сотрудник»."""
        text = re.sub(
            rf"^(\d+) {self.opts.verbose_name_plural}\b", lambda match: self.format_count(int(match[1])), message
        )
        if self.animate:
            text = text.replace(f"еще один {self.opts.verbose_name}", f"ещё одного {self.accusative}")
        # Keep the type: a SafeString must stay one.
        return type(message)(text)
