"""The names of models in the phrases of the admin site: Django knows a nominative and one plural, Russian has more."""

import re

from django.contrib.admin.views.main import ChangeList

from foundation.russian.plurals import plural


class DeclinedChangeList(ChangeList):
    @property
    def counted(self) -> str:
        return self.model_admin.format_count(self.result_count)

    @property
    def accusative(self) -> str:
        return self.model_admin.accusative


class DeclensionMixin:
    """For admin classes. `counted` are the forms that go with 1, 2 and 5, `animate` where they name people."""

    counted: tuple[str, str, str]
    animate = False

    @property
    def accusative(self) -> str:
        """As after «изменить»: «тариф», but «клиента». Of feminine names in -а there are none."""
        return self.counted[1] if self.animate else self.counted[0]

    def format_count(self, number: int) -> str:
        """«21 договор», «22 договора», «25 договоров»."""
        return f"{number} {plural(number, *self.counted)}"

    def get_changelist(self, request, **kwargs):
        return DeclinedChangeList

    def changelist_view(self, request, extra_context=None):
        # «Выбрать все записи» goes with all of them, «все клиенты» would not do.
        return super().changelist_view(request, {"module_name": "записи"} | (extra_context or {}))

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        verb = "Добавить" if add else "Изменить" if self.has_change_permission(request, obj) else "Просмотреть"
        context["title"] = f"{verb} {self.accusative}"
        return super().render_change_form(request, context, add, change, form_url, obj)

    def message_user(self, request, message, *args, **kwargs):
        super().message_user(request, self._fix_declension(message), *args, **kwargs)

    def _fix_declension(self, message: str) -> str:
        """Of what Django says itself: «3 типы устройств были изменены», «Вы можете добавить еще один сотрудник»."""
        said = re.sub(
            rf"^(\d+) {self.opts.verbose_name_plural}\b", lambda found: self.format_count(int(found[1])), message
        )
        if self.animate:
            said = said.replace(f"еще один {self.opts.verbose_name}", f"ещё одного {self.accusative}")
        # As safe as it was.
        return type(message)(said)
