# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import changes

MADE: list[tuple[list[str], dict[str, t.Any]]] = [
    ([], {}),
    (["# nothing"], {}),
    (["CMD a  b"], {"Cmd": ["/bin/sh", "-c", "a  b"]}),
    (['CMD ["a", "$B"]', "cmd x", 'CMD ["é"]'], {"Cmd": ["é"]}),
    (["CMD [broken"], {"Cmd": ["/bin/sh", "-c", "[broken"]}),
    (["ENTRYPOINT []"], {}),
    (['ENTRYPOINT ["/init"]'], {"Entrypoint": ["/init"]}),
    (["ENV A=1 B='two words'", "ENV C x  y", "ENV A=$A$C"], {"Env": ["A=1x  y", "B=two words", "C=x  y"]}),
    (["ENV A=1", "ENV A=2 B=$A"], {"Env": ["A=2", "B=1"]}),
    (["LABEL a=1 'b c'=\"$D\"", "LABEL a=2"], {"Labels": {"a": "2", "b c": ""}}),
    (
        ["ENV P=80", "EXPOSE $P 53/UDP 90-91", "EXPOSE 8080:81"],
        {
            "Env": ["P=80"],
            "ExposedPorts": {"80/tcp": {}, "53/udp": {}, "90/tcp": {}, "91/tcp": {}, "81/tcp": {}},
        },
    ),
    (["VOLUME /a /b", 'VOLUME ["/c d"]'], {"Volumes": {"/a": {}, "/b": {}, "/c d": {}}}),
    (["USER me", "WORKDIR /a", "WORKDIR b/../c"], {"User": "me", "WorkingDir": "/a/c"}),
    (["WORKDIR rel"], {"WorkingDir": "/rel"}),
    (["STOPSIGNAL SIGINT"], {"StopSignal": "SIGINT"}),
    (["ONBUILD RUN a", "onbuild CMD b"], {"OnBuild": ["RUN a", "CMD b"]}),
    (["HEALTHCHECK NONE"], {"Healthcheck": {"Test": ["NONE"]}}),
    (["HEALTHCHECK cmd a b"], {"Healthcheck": {"Test": ["CMD-SHELL", "a b"]}}),
    (
        ['HEALTHCHECK --interval=1m30s  --timeout=1.5s --start-period=100ms --retries=2 CMD ["a"]'],
        {
            "Healthcheck": {
                "Test": ["CMD", "a"],
                "Interval": 90 * 10**9,
                "Timeout": 1500000000,
                "StartPeriod": 10**8,
                "Retries": 2,
            }
        },
    ),
    (["ENV A=1 \\\n  B=2\nUSER x"], {"Env": ["A=1", "B=2"], "User": "x"}),
]
BAD = [
    ("RUN make", "RUN is no instruction"),
    ("FROM a", "FROM is no instruction"),
    ("CMD", "CMD wants something"),
    ("ENV A", "ENV wants a value for A"),
    ("ENV A=1 B", "write B as name=value"),
    ("LABEL =1", "write =1 as name=value"),
    ("CMD [1]", "other things than strings"),
    ("EXPOSE http", "http is not a port"),
    ("EXPOSE 70000", "70000 is not a port"),
    ('VOLUME [""]', "comes to nothing"),
    ("VOLUME []", "comes to nothing"),
    ("WORKDIR $X", "comes to nothing"),
    ("HEALTHCHECK --interval=5 CMD a", "5 is not a duration"),
    ("HEALTHCHECK --often=5s CMD a", "no flag --often=5s"),
    ("HEALTHCHECK --retries=x CMD a", "no flag --retries=x"),
    ("HEALTHCHECK --retries=1", "is followed by CMD"),
    ("HEALTHCHECK --retries=1 NONE", "is followed by CMD"),
    ("HEALTHCHECK a", "is followed by CMD"),
    ("USER 'a", "not closed"),
]


@pytest.mark.parametrize(("given", "made"), MADE)
def test_what_an_engine_makes_of_them(given: list[str], made: dict[str, t.Any]) -> None:
    assert changes.config(given) == made


@pytest.mark.parametrize(("change", "said"), BAD)
def test_what_an_import_cannot_take(change: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        changes.config(["USER x", change])


def test_engines_write_down_emptiness_in_several_ways() -> None:
    empty: dict[str, t.Any] = {"Env": None, "Cmd": [], "Labels": {}, "User": "", "Image": "x", "Tty": False}
    assert changes.same({}, {"Config": empty}) and changes.same({}, {}) and changes.same({}, {"Config": None})
    assert changes.same({"User": "a"}, {"Config": {**empty, "User": "a"}})
    assert not changes.same({"User": "a"}, {"Config": empty})
    assert not changes.same({}, {"Config": {**empty, "User": "a"}})
