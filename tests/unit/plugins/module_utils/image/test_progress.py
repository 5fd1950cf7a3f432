# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import pathlib
import tracemalloc
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    BuildError,
    Denied,
    EngineError,
    NotFound,
    RateLimited,
    SlipwayError,
    StreamError,
    TransportError,
    TransportTimeout,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image.progress import TAIL, Progress, fold, retryable

RECORDINGS = pathlib.Path(__file__).parents[3] / "fixtures" / "progress"
DIGEST = "sha256:a465da6113c304a2e960df3d255151d716918e380587735910c644818c5c11c9"


def recorded(name: str) -> Progress:
    """Fold a stream of engine 20.10.24, as `curl` took it down."""
    return fold(map(json.loads, (RECORDINGS / (name + ".jsonl")).read_text().splitlines()))


def test_pull() -> None:
    progress = recorded("pull")
    assert (progress.digest, progress.up_to_date, progress.error) == (DIGEST, False, "")
    assert progress.layers == {"downloaded": 2}
    assert progress.statuses[-1] == "Status: Downloaded newer image for 127.0.0.1:5099/nouns/app:1"
    assert "781d260a1fe3: Pull complete" in progress.statuses
    assert not any("Extracting" in status for status in progress.statuses)
    progress.check("pulling app:1")


def test_pull_of_what_is_there() -> None:
    progress = recorded("pull-up-to-date")
    assert (progress.digest, progress.up_to_date, progress.layers) == (DIGEST, True, {})


def test_pull_of_all_tags() -> None:
    progress = recorded("pull-all-tags")
    assert (progress.digest, progress.up_to_date, progress.layers) == (DIGEST, False, {"downloaded": 2})


@pytest.mark.parametrize(("name", "layers"), [("push", {"pushed": 2}), ("push-again", {"already": 2})])
def test_push(name: str, layers: dict[str, int]) -> None:
    progress = recorded(name)
    assert (progress.digest, progress.size, progress.layers) == (DIGEST, 735, layers)


def test_push_on_an_engine_that_gives_no_aux() -> None:
    progress = fold([{"status": "1: digest: %s size: 735" % DIGEST}])
    assert (progress.digest, progress.size) == (DIGEST, 735)


def test_load() -> None:
    assert recorded("load").loaded == ("127.0.0.1:5099/nouns/app:1",)
    assert recorded("load-id").loaded == ("sha256:a1f45bd89ba8da3b259ab3804bad7777bf677037971d25245c0f723558f206d8",)
    assert fold([{"stream": "Loaded image: a:1,b:2\n"}]).loaded == ("a:1", "b:2")


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("push-denied", Denied, "no basic auth credentials"),
        ("push-missing", NotFound, "An image does not exist locally with the tag: 127.0.0.1:5099/nouns/none"),
        ("load-cut", StreamError, "Error processing tar file(exit status 1): unexpected EOF"),
        (
            "push-refused",
            StreamError,
            'Get "http://127.0.0.1:5098/v2/": dial tcp 127.0.0.1:5098: connect: connection refused',
        ),
    ],
)
def test_an_error_in_a_stream_fails(name: str, kind: type[SlipwayError], said: str) -> None:
    with pytest.raises(SlipwayError) as caught:
        recorded(name).check("moving app:1")
    assert caught.type is kind
    assert str(caught.value) == "moving app:1: the engine said: " + said
    assert caught.value.facts == {"said": said}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("pull access denied for x, repository does not exist or may require 'docker login'", Denied),
        ("unauthorized: authentication required", Denied),
        ("denied: requested access to the resource is denied", Denied),
        ("manifest unknown: manifest unknown", NotFound),
        ("manifest for app:9 not found", NotFound),
        ("error pulling image configuration: download failed after attempts=1: unknown blob", NotFound),
        (  # Docker 26.1.5
            "image with reference app:1 was found but does not match the specified platform: wanted linux/arm/v7, "
            "actual: linux/amd64",
            NotFound,
        ),
        ("toomanyrequests: You have reached your unauthenticated pull rate limit", RateLimited),
        # The containerd store of 28.5.2, without the registry's code, and of 26.1.5, without its words.
        ("error from registry: You have reached your unauthenticated pull rate limit", RateLimited),
        ("unexpected status from PUT request to http://r/v2/x/manifests/1: 403 Forbidden", Denied),
        ("open /var/lib/docker/tmp/x: permission denied", StreamError),
        ('exec: "xz": executable file not found in $PATH', StreamError),
        ("write /var/lib/docker/tmp/x: no space left on device", StreamError),
    ],
)
def test_an_error_is_typed_by_the_engine_s_words(said: str, kind: type[SlipwayError]) -> None:
    with pytest.raises(SlipwayError) as caught:
        fold([{"errorDetail": {"message": said, "code": 401}}]).check("pulling x")
    assert caught.type is kind
    assert caught.value.facts == {"said": said, "status": 401}


def test_an_error_fails_wherever_in_the_stream_it_stands() -> None:
    records: list[dict[str, t.Any]] = [json.loads(line) for line in (RECORDINGS / "pull.jsonl").open()]
    for place in range(len(records) + 1):
        assert fold([*records[:place], {"error": "no"}, *records[place:]]).error == "no"


def test_the_first_error_is_the_cause_and_the_detail_is_preferred() -> None:
    assert (
        fold([{"errorDetail": {"message": "in detail"}, "error": "in short"}, {"error": "next"}]).error == "in detail"
    )
    assert fold([{"error": "in short"}]).error == "in short"
    assert fold([{"errorDetail": {}, "error": ""}]).error == "an error without words"
    with pytest.raises(StreamError, match=r"^loading: the engine said: two lines$"):
        fold([{"error": "two\nlines"}]).check("loading")


def test_memory_is_bounded_whatever_the_length() -> None:
    line = "x" * 200
    tracemalloc.start()
    progress = fold({"status": "%s %d" % (line, number)} for number in range(20_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(progress.statuses) == TAIL and progress.statuses[-1].endswith(" 19999")
    assert peak < 200_000


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (TransportError("the engine closed the connection"), True),
        (TransportTimeout("silent for 60 s"), True),
        (TransportError("x509: certificate signed by unknown authority"), False),
        (TransportError("connect: permission denied"), False),
        (EngineError("refused", status=429, said="slow down"), True),
        (EngineError("refused", status=500, said="server error"), True),
        (EngineError("refused", status=503), True),
        (EngineError("refused", status=400, said="invalid reference"), False),
        (EngineError("refused", status=500, said="Head ...: no basic auth credentials"), False),
        (EngineError("refused", status=500, said="Get https://r/v2/: net/http: TLS handshake timeout"), True),
        (EngineError("refused", status=500, said="http: server gave HTTP response to HTTPS client"), False),
        (EngineError("refused", status=404, said="connection refused"), True),
        (EngineError("refused"), False),
        (NotFound("no", status=404, said="connection refused"), False),
        (Denied("no", status=403, said="toomanyrequests"), False),
        (StreamError("the stream stopped in the middle"), True),
        (StreamError("failed", said="toomanyrequests: You have reached your pull rate limit"), True),
        (RateLimited("failed", said="error from registry: You have reached your pull rate limit"), True),
        (StreamError("failed", said="read tcp 1.2.3.4: connection reset by peer"), True),
        (StreamError("failed", said="dial tcp 1.2.3.4:443: i/o timeout"), True),
        (StreamError("failed", said="dial tcp 1.2.3.4:443: connect: no route to host"), True),
        (StreamError("failed", said='Get "https://r/v2/": EOF'), True),
        (StreamError("failed", said="received unexpected HTTP status: 502 Bad Gateway"), True),
        (StreamError("failed", said="received unexpected HTTP status: 400 Bad Request"), False),
        (StreamError("failed", said="filesystem layer verification failed"), False),
        (StreamError("failed", said="no space left on device"), False),
        (UsageError("connection refused"), False),
        (BuildError("connection refused"), False),
    ],
)
def test_retryable(error: SlipwayError, answer: bool) -> None:
    assert retryable(error) is answer
