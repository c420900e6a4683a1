"""The paths beside the surfaces."""

import pytest

gen_test = pytest.mark.gen_test


@gen_test
@pytest.mark.parametrize("path", ["/healthz", "/healthz/", "/readyz", "/version", "/openapi.json"])
async def test_probes_answer_in_plain_json(client, path):
    status, headers, body = await client.get(path)

    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    assert body


@gen_test
async def test_a_node_that_lacks_something_is_alive_and_not_ready(toy, client):
    toy.is_ready = False

    ready, _, body = await client.get("/readyz")
    alive, _, _ = await client.get("/healthz")

    assert (ready, alive) == (503, 200)
    assert body == {"status": "not ready", "checks": {"store": False}}


@gen_test
async def test_metrics_are_rendered_when_asked_for(toy, client):
    toy.metrics = b"greenroom_toys 2\n"

    status, headers, body = await client.get("/metrics")

    assert (status, body) == (200, b"greenroom_toys 2\n")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")


@gen_test
async def test_probes_are_only_looked_at(client):
    status, headers, reply = await client.post("/healthz", b"")

    assert (status, headers["Allow"], reply["error"]) == (405, "GET, OPTIONS", "BAD_INPUT")
