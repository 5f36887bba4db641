"""Fills a new database: two people in groups, and the clients that the tests speak for."""

# mypy: disable-error-code="import-not-found,import-untyped"

import django
from django.apps import apps
from django.core.management import call_command

GROUPS = {"alice": ["admins", "staff"], "bob": ["staff"]}
CALLBACK = "http://127.0.0.1:9/callback"
MACHINES = {
    "machine": "secret",
    "api": "secret",  # the one that introspects
    "sp:ec/ial&client": "p%:/ +&=s",  # RFC 6749 section 2.3.1: they mean something else once not form-encoded
}


def _people() -> None:
    user_model, group_model = apps.get_model("auth.User"), apps.get_model("auth.Group")
    for name, groups in GROUPS.items():
        user = user_model.objects.create_user(name, password="any")
        user.groups.set(group_model.objects.get_or_create(name=group)[0] for group in groups)


def _clients() -> None:
    application = apps.get_model("oauth2_provider.Application")
    common = {"client_type": application.CLIENT_CONFIDENTIAL, "redirect_uris": CALLBACK, "skip_authorization": True}
    for client_id, secret in MACHINES.items():
        grant = application.GRANT_CLIENT_CREDENTIALS
        application.objects.create(client_id=client_id, client_secret=secret, authorization_grant_type=grant, **common)
    application.objects.create(
        client_id="web",
        client_secret="secret",
        authorization_grant_type=application.GRANT_AUTHORIZATION_CODE,
        algorithm=application.RS256_ALGORITHM,
        **common,
    )


if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)
    _people()
    _clients()
