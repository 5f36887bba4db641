"""What the site says about users: in ID tokens and at its userinfo endpoint, never when a token is introspected."""

# mypy: disable-error-code="import-not-found,import-untyped,misc"

from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator


class GroupsAtUserinfo(OAuth2Validator):
    """Adds one claim, for the scope of the same name."""

    oidc_claim_scope = OAuth2Validator.oidc_claim_scope | {"groups": "groups"}

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        return {"groups": [group.name for group in request.user.groups.all()]}


class UsersByName(GroupsAtUserinfo):
    """Names users as introspection does. The toolkit's own sub is the key of a row, which introspection never tells."""

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        return {**super().get_additional_claims(request), "sub": request.user.get_username()}
