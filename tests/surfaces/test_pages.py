"""The documentation pages say what the surfaces are."""

import pytest

from tests.surfaces.calls.page import PAGE as CALLS
from tests.surfaces.qlive.page import PAGE as QLIVE
from tests.surfaces.site.page import PAGE as SITE
from tests.surfaces.social.page import PAGE as SOCIAL

PAGES = (CALLS, QLIVE, SITE, SOCIAL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_endpoints_and_examples_of_a_page_are_those_of_the_tests(page):
    text = page.read()

    assert page.written(text) == text, f"python -m tests.surfaces.{page.name}.page writes it anew"


@pytest.mark.parametrize(
    ("page", "address"),
    [
        pytest.param(page, path, id=f"{page.name} {path}")
        for page in PAGES
        for endpoint in page.surface.endpoints
        for _, path in endpoint.addresses
    ],
)
def test_a_page_names_every_path(page, address):
    assert f"{address}`" in page.read()
