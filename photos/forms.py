from django import forms

from photos.models import Upload

UPLOADS_MISSING = "Часть фото не дошла до хранилища. Уберите их и добавьте ещё раз."


class UploadsField(forms.ModelMultipleChoiceField):
    """Hidden ids of accepted uploads to attach. The form sets `queryset` to the allowed ones."""

    widget = forms.MultipleHiddenInput

    def __init__(self):
        messages = dict.fromkeys(("invalid_choice", "invalid_pk_value", "invalid_list"), UPLOADS_MISSING)
        super().__init__(Upload.objects.none(), required=False, error_messages=messages)
