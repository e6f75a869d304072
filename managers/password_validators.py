"""Django's password validators with messages that tell the user what to do."""

from django.contrib.auth import password_validation


class MinimumLengthValidator(password_validation.MinimumLengthValidator):
    def get_error_message(self) -> str:
        return f"Пароль слишком короткий: нужно не меньше {self.min_length} знаков."


class CommonPasswordValidator(password_validation.CommonPasswordValidator):
    def get_error_message(self) -> str:
        return "Такой пароль подбирают первым. Придумайте другой."


class UserAttributeSimilarityValidator(password_validation.UserAttributeSimilarityValidator):
    def get_error_message(self) -> str:
        return "Пароль слишком похож на ваше имя или почту. Придумайте другой."
