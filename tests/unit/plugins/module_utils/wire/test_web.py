# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, TransportError
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.plugins.module_utils.wire.web import MOST_REDIRECTS, Origin, Web
from ansible_collections.slipway.images.tests.support.registries import Reply, Request, site
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.wire.conftest import Certificates


@pytest.mark.parametrize(
    ("url", "origin", "path", "text"),
    [
        ("https://r.example/v2/", Origin("r.example", 443, "", True), "/v2/", "https://r.example"),
        ("http://r.example", Origin("r.example", 80), "/", "http://r.example"),
        (
            "https://R.example:5000/a?b=c%2Fd",
            Origin("r.example", 5000, "", True),
            "/a?b=c%2Fd",
            "https://r.example:5000",
        ),
        ("http://[::1]:5000/a#b", Origin("::1", 5000), "/a", "http://[::1]:5000"),
        ("https://r.example:80/", Origin("r.example", 80, "", True), "/", "https://r.example:80"),
    ],
)
def test_origins(url: str, origin: Origin, path: str, text: str) -> None:
    assert Origin.of(url) == (origin, path)
    assert str(origin) == text


@pytest.mark.parametrize(
    "url", ["", "/v2/", "ftp://x/", "http://", "http://u:s3cret@x/", "http://[::1", "http://x:port/"]
)
def test_what_leads_nowhere(url: str) -> None:
    with pytest.raises(FormatError) as caught:
        Origin.of(url)
    assert "s3cret" not in str(caught.value)


@pytest.fixture
def web() -> t.Iterator[Web]:
    opened = Web(lambda _origin: Tls(), timeout=10)
    yield opened
    opened.close()


def test_asking_is_not_judging(web: Web) -> None:
    with site(lambda _request: Reply(b"no", 418)) as served:
        answer = web.ask("GET", "http://%s/a?b=%%2F" % served.address, {"X-A": "1"})
        assert (answer.status, answer.content(2)) == (418, b"no")
    [request] = served.requests
    assert (request.path, request.query, request.headers["x-a"]) == ("/a", {"b": ["/"]}, "1")


def test_what_is_larger_than_is_due(web: Web) -> None:
    with site(lambda _request: Reply(b"x" * 11)) as served, pytest.raises(FormatError, match="more than 10 bytes"):
        web.ask("GET", "http://%s/" % served.address, {}).content(10)


def test_the_next_page(web: Web) -> None:
    links = {"/a": '<b?n=1>; rel="next"', "/b": '<a>; rel="prev"', "/c": "nonsense"}
    with site(lambda request: Reply(headers={"Link": links[request.path]})) as served:
        found = [web.ask("GET", "http://%s%s" % (served.address, path), {}).next_link for path in links]
    assert found == ["b?n=1", "", ""]


def test_a_query_is_in_no_message(web: Web) -> None:
    with pytest.raises(TransportError) as caught:
        web.ask("GET", "http://127.0.0.1:1/blob?signature=s3cret", {})
    assert caught.value.facts["endpoint"] == "GET /blob"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_a_site_keeps_all_headers(web: Web, status: int) -> None:
    def route(request: Request) -> Reply:
        return Reply(b"there") if request.path == "/b" else Reply(status=status, headers={"Location": "b"})

    with site(route) as served:
        answer = web.follow("HEAD", "http://%s/a" % served.address, {"Authorization": "Basic x", "Accept": "y"})
        assert answer.status == 200
        answer.close()
    assert served.asked() == ["HEAD /a", "HEAD /b"]
    assert {(r.headers["authorization"], r.headers["accept"]) for r in served.requests} == {("Basic x", "y")}


def test_another_site_does_not_hear_who_we_are(web: Web) -> None:
    with site(lambda _request: Reply()) as other:
        there = {"Location": "http://%s/b" % other.address}
        with site(lambda _request: Reply(status=307, headers=there)) as served:
            web.follow("GET", "http://%s/a" % served.address, {"Authorization": "Basic x", "Accept": "y"}).close()
    assert [(r.path, r.headers["accept"], "authorization" in r.headers) for r in other.requests] == [("/b", "y", False)]


def test_redirects_end(web: Web) -> None:
    ways = [Reply(status=302)]  # to nowhere: its own answer

    def route(request: Request) -> Reply:
        return ways.pop() if ways else Reply(status=302, headers={"Location": "/again"})

    with site(route) as served:
        url = "http://%s/a" % served.address
        with web.follow("GET", url, {}) as answer:
            assert answer.status == 302
        with pytest.raises(FormatError, match="redirects more than %d times" % MOST_REDIRECTS):
            web.follow("GET", url, {})
    assert len(served.requests) == 1 + 1 + MOST_REDIRECTS


def test_from_tls_the_way_never_leads_to_plain_http(certificates: Certificates) -> None:
    there = {"Location": "http://127.0.0.1:1/"}
    with (
        contextlib.closing(Web(lambda _origin: Tls(ca_path=certificates.ca), timeout=10)) as web,
        site(lambda _request: Reply(status=302, headers=there), certificates.context()) as served,
        pytest.raises(FormatError, match=r"redirects to plain HTTP \(http://127.0.0.1:1\), which is not followed"),
    ):
        web.follow("GET", "https://%s/" % served.address, {})
