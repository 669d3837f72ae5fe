"""What the suites of the simulators share."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from sandbox.company import Company
from sandbox.entra import EntraSimulator
from sandbox.graph import GraphSimulator
from sandbox.wire import CallLog, Faults
from tests.sandbox.graph_bench import Bench
from tests.sandbox.still_clock import StillClock


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    company = Company.found(people=60, clock=StillClock())
    graph = GraphSimulator(company, CallLog(company.clock), Faults(), visibility_seconds=0, write_seconds=0)
    runner = web.AppRunner(graph.app(), shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    entra = EntraSimulator(company, CallLog(company.clock), Faults())
    found = Bench(company, graph, entra, f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield found
    await found.http.aclose()
    await runner.cleanup()
