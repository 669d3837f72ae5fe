"""The directories as an administrator sees them: through the real APIs, Microsoft Graph and boto3."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from botocore.config import Config

from sandbox.racing import RACERS, USER_POOL_ID

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient

Json = dict[str, Any]


class Directories:
    """Entra and the identity store of the company that has these settings."""

    def __init__(
        self, settings: Mapping[str, str], http: httpx.Client, store: "IdentityStoreClient", pool: Any
    ) -> None:
        self._graph = settings["GRAPH_BASE_URL"]
        self._store_id = settings["IDENTITY_STORE_ID"]
        self._http = http
        self._store = store
        self._pool = pool

    def group_members(self, group_id: str) -> list[str]:
        """Return the object ids of the group's members, as Graph lists them."""
        url: str | None = f"{self._graph}/groups/{group_id}/members?$select=id&$top=999"
        members: list[str] = []
        while url is not None:
            page: Json = self._http.get(url).raise_for_status().json()
            members += [member["id"] for member in page["value"]]
            url = page.get("@odata.nextLink")
        return members

    def add_to_group(self, group_id: str, object_id: str) -> None:
        """Put somebody into the Entra group."""
        reference = {"@odata.id": f"{self._graph}/directoryObjects/{object_id}"}
        self._http.post(f"{self._graph}/groups/{group_id}/members/$ref", json=reference).raise_for_status()

    def store_members(self, group_id: str) -> list[str]:
        """Return for each membership of the store's group the Entra object id of its user.

        A user whom SCIM did not bring is shown by the id of the store; two memberships of one, twice.
        """
        names = self._external_ids()
        pages = self._store.get_paginator("list_group_memberships").paginate(
            IdentityStoreId=self._store_id, GroupId=group_id
        )
        users = [one["MemberId"]["UserId"] for page in pages for one in page["GroupMemberships"]]
        return [names.get(user_id, user_id) for user_id in users]

    def add_to_store_group(self, group_id: str, object_id: str) -> None:
        """Put somebody who is in the store into its group."""
        user_id = next(key for key, found in self._external_ids().items() if found == object_id)
        self._store.create_group_membership(
            IdentityStoreId=self._store_id, GroupId=group_id, MemberId={"UserId": user_id}
        )

    def racers_at_site(self) -> list[str]:
        """Return the addresses of the enabled users in the racing site's group of racers."""
        pages = self._pool.get_paginator("list_users_in_group").paginate(
            UserPoolId=USER_POOL_ID, GroupName=RACERS
        )
        users = [user for page in pages for user in page["Users"] if user["Enabled"]]
        return [one["Value"] for user in users for one in user["Attributes"] if one["Name"] == "email"]

    def _external_ids(self) -> dict[str, str]:
        """Return the Entra object id of every user of the store that has one, by user id."""
        pages = self._store.get_paginator("list_users").paginate(IdentityStoreId=self._store_id)
        users = [user for page in pages for user in page["Users"]]
        return {user["UserId"]: user["ExternalIds"][0]["Id"] for user in users if user.get("ExternalIds")}


@contextmanager
def reached(settings: Mapping[str, str]) -> Iterator[Directories]:
    """Sign in to both directories with these settings, those of a `World`."""
    store = _client("identitystore", settings, settings["AWS_ENDPOINT_URL"])
    pool = _client("cognito-idp", settings, settings["AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"])
    headers = {"Authorization": f"Bearer {_token(settings)}"}
    try:
        with httpx.Client(trust_env=False, headers=headers) as http:
            yield Directories(settings, http, store, pool)
    finally:
        store.close()
        pool.close()


def _client(service: str, settings: Mapping[str, str], url: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]  # the stubs want each service by name
        region_name=settings["AWS_REGION"],
        endpoint_url=url,
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
        # The bot may have used up the account's twenty calls a second just before.
        config=Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 8}),
    )


def _token(settings: Mapping[str, str]) -> str:
    """Return an access token for Graph: the client credentials flow of Entra."""
    form = {
        "grant_type": "client_credentials",
        "client_id": settings["ENTRA_CLIENT_ID"],
        "client_secret": settings["ENTRA_CLIENT_SECRET"],
        "scope": settings["GRAPH_SCOPE"],
    }
    url = f"{settings['ENTRA_AUTHORITY_URL']}/{settings['ENTRA_TENANT_ID']}/oauth2/v2.0/token"
    trusted = ssl.create_default_context(cafile=settings["SSL_CERT_FILE"])
    with httpx.Client(trust_env=False, verify=trusted) as http:
        return str(http.post(url, data=form).raise_for_status().json()["access_token"])
