"""The pages of the site: a login, the toolkit below /o, and its metadata at the root (RFC 8414 section 3.1)."""

# mypy: disable-error-code="import-not-found,import-untyped"

from django.contrib.auth.views import LoginView
from django.urls import include, path
from oauth2_provider import urls as toolkit

urlpatterns = [
    path("login/", LoginView.as_view()),
    path("o/", include("oauth2_provider.urls")),
    path("", include(toolkit.metadata_urlpatterns)),
]
