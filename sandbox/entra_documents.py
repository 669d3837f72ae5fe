"""What Entra publishes about itself: the documents in which msal looks up where tokens are issued."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.company import TENANT_ID

Json = dict[str, Any]


def own_address(request: web.Request) -> str:
    """Return the address to name in documents: over http the real one, as msal refuses http in them."""
    return f"https://{request.host}" if request.scheme == "https" else "https://login.microsoftonline.com"


def of_tenant(here: str, tenant: str) -> Json:
    """Return the OpenID configuration of a tenant, with addresses that begin here."""
    base = f"{here}/{tenant}"
    return {
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": f"{here}/{TENANT_ID}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "msgraph_host": "graph.microsoft.com",
    }


def of_adfs(here: str) -> Json:
    """Return the OpenID configuration of the form without a tenant."""
    base = f"{here}/adfs"
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/oauth2/authorize",
        "token_endpoint": f"{base}/oauth2/token",
        "jwks_uri": f"{base}/discovery/keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "grant_types_supported": ["client_credentials"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def of_instance(here: str, host: str, query: Mapping[str, str]) -> Json:
    """Return what msal asks on its first error, or before it trusts an authority it does not know."""
    asked = urlsplit(query.get("authorization_endpoint", "")).path.strip("/")
    tenant = asked.partition("/")[0] or TENANT_ID
    aliases = [host, "login.microsoftonline.com", "login.windows.net", "sts.windows.net"]
    return {
        "tenant_discovery_endpoint": f"{here}/{tenant}/v2.0/.well-known/openid-configuration",
        "api-version": query.get("api-version", "1.1"),
        "metadata": [{"preferred_network": host, "preferred_cache": aliases[1], "aliases": aliases}],
    }
