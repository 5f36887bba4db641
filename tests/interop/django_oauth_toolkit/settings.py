"""A Django site that is an authorization server and nothing else; its state lies in one folder of the test.

It runs in a virtual environment of its own: Django is no dependency of ours.
"""

import os
from pathlib import Path

STATE = Path(os.environ["DOT_STATE"])
ISSUER = os.environ["DOT_ISSUER"]

SECRET_KEY = "of a site that lives for one test"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": STATE / "db.sqlite3"}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "oauth2_provider",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # tests do not wait for a slow one
LOGIN_URL = "/login/"

OAUTH2_PROVIDER = {
    "ALLOWED_SCHEMES": ["http"],
    "OAUTH2_VALIDATOR_CLASS": os.environ["DOT_VALIDATOR"],
    "OIDC_ENABLED": True,
    "OIDC_ISS_ENDPOINT": ISSUER,
    "OIDC_RSA_PRIVATE_KEY": Path(os.environ["DOT_SIGNING_KEY"]).read_text(),
    "SCOPES": {name: name for name in ("openid", "groups", "read", "write")},
    "DEFAULT_SCOPES": ["read"],
}
