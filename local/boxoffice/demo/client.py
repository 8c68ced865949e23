"""A small client of the API. It repeats a request while the API is busy, as any client should."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx

MOST_ATTEMPTS = 20


class Refused(Exception):
    """The API answered with a problem document, whose code is `code`."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem['status']} {problem['code']}: {problem['detail']}")
        self.code = str(problem["code"])
        self.problem = problem


class Client:
    """Calls the API as one caller: nobody, an account, a program, or a guest who holds an order's token."""

    def __init__(self, http: httpx.AsyncClient, headers: dict[str, str] | None = None) -> None:
        self._http = http
        self._headers = headers or {}

    def as_account(self, session: dict[str, Any]) -> Client:
        """Return a client that is logged in."""
        return Client(self._http, {"Authorization": f"Bearer {session['access_token']}"})

    def as_program(self, key: str) -> Client:
        """Return a client that sends an organisation's API key."""
        return Client(self._http, {"X-Api-Key": key})

    def as_guest(self, order: dict[str, Any]) -> Client:
        """Return a client that holds the token of an order."""
        return Client(self._http, {"X-Order-Token": order["access_token"]})

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Get JSON."""
        return await self._call("GET", path, params=query)

    async def post(self, path: str, body: Any = None, key: str | None = None) -> dict[str, Any]:
        """Post JSON. All attempts carry one Idempotency-Key, so that they have one effect."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return await self._call("POST", path, json=body, headers=headers)

    async def _call(
        self, method: str, path: str, headers: dict[str, str] | None = None, **content: Any
    ) -> dict[str, Any]:
        for _ in range(MOST_ATTEMPTS):
            answer = await self._http.request(method, path, headers=self._headers | (headers or {}), **content)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(float(answer.headers.get("Retry-After", 1)))
        if answer.headers["Content-Type"] == "application/problem+json":
            raise Refused(answer.json())
        answer.raise_for_status()
        result: dict[str, Any] = answer.json() if answer.content else {}
        return result
