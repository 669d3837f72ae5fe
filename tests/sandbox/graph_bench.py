"""A bench for the simulated Graph: a company, its Graph on a port, and a client that may ask it."""

from typing import Any

import httpx

from sandbox.company import RACERS_GROUP, Company, EntraGroup, EntraUser
from sandbox.entra import EntraSimulator
from sandbox.graph import GraphSimulator

EVENTUAL = {"ConsistencyLevel": "eventual"}
ALREADY = (
    "One or more added object references already exist for the following modified properties: 'members'."
)


class Bench:
    """A company, its Graph on a port, and a client that holds a token for it."""

    def __init__(self, company: Company, graph: GraphSimulator, entra: EntraSimulator, url: str) -> None:
        self.company, self.graph, self.entra = company, graph, entra
        self.base = f"{url}/v1.0"
        self.http = httpx.AsyncClient(timeout=30)
        self.token = entra.issue()

    @property
    def racers(self) -> EntraGroup:
        return self.company.group(RACERS_GROUP)

    def user(self, key: str) -> EntraUser:
        user = self.company.people[key].entra
        assert user is not None
        return user

    def ids(self, count: int, start: int = 1) -> list[str]:
        return [self.user(f"employee-{number:03d}").id for number in range(start, start + count)]

    def reference(self, object_id: str) -> str:
        return f"{self.base}/directoryObjects/{object_id}"

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        url = path if path.startswith("http") else f"{self.base}{path}"
        return await self.http.request(method, url, headers=headers, **more)

    async def get(
        self, path: str, *, params: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return await self.call("GET", path, headers=headers or {}, params=params)

    async def find(self, where: str, *, top: str = "100") -> list[dict[str, Any]]:
        response = await self.get("/users", params={"$filter": where, "$top": top})
        assert response.status_code == 200, response.text
        return list(response.json()["value"])

    async def add(self, user_id: str, group_id: str | None = None) -> httpx.Response:
        body = {"@odata.id": self.reference(user_id)}
        return await self.call("POST", f"/groups/{group_id or self.racers.id}/members/$ref", json=body)

    async def bind(self, ids: list[str], group_id: str | None = None) -> httpx.Response:
        body = {"members@odata.bind": [self.reference(one) for one in ids]}
        return await self.call("PATCH", f"/groups/{group_id or self.racers.id}", json=body)

    async def remove(self, user_id: str) -> httpx.Response:
        return await self.call("DELETE", f"/groups/{self.racers.id}/members/{user_id}/$ref")

    async def batch(self, *requests: dict[str, Any]) -> dict[str, dict[str, Any]]:
        response = await self.call("POST", "/$batch", json={"requests": list(requests)})
        assert response.status_code == 200, response.text
        return {item["id"]: item for item in response.json()["responses"]}

    def joining(self, item_id: str, user_id: str, **more: Any) -> dict[str, Any]:
        return {
            "id": item_id,
            "method": "POST",
            "url": f"/groups/{self.racers.id}/members/$ref",
            "headers": {"Content-Type": "application/json"},
            "body": {"@odata.id": self.reference(user_id)},
            **more,
        }

    async def pages(self, path: str, params: dict[str, str]) -> list[dict[str, Any]]:
        """Follow the links to the end and return every page."""
        response = await self.get(path, params=params)
        found = [response.json()]
        while "@odata.nextLink" in found[-1]:
            found.append((await self.call("GET", found[-1]["@odata.nextLink"])).json())
        return found


def error(response: httpx.Response) -> tuple[int, str, str]:
    body = response.json()["error"]
    assert set(body["innerError"]) == {"date", "request-id", "client-request-id"}
    return response.status_code, body["code"], body["message"]


def missing(object_id: str) -> tuple[int, str, str]:
    text = "does not exist or one of its queried reference-property objects are not present."
    return 404, "Request_ResourceNotFound", f"Resource '{object_id}' {text}"
