from django.contrib.auth.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    pass
