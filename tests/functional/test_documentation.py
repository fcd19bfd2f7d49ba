"""The API's description as a page."""

from __future__ import annotations

import gzip
import re
from base64 import b64decode
from typing import Any

import pytest

from sendtrail.api.documentation import PATH
from tests.functional.conftest import Backend
from tests.functional.world import Api, World

LAMBDA_MAX = 6 * 1024 * 1024


@pytest.fixture
def anybody(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A caller without a key."""
    return Api(World(moto_backend, monkeypatch), None)


def files(page: dict[str, Any]) -> list[str]:
    """What the page loads."""
    return [
        each
        for each in re.findall(r'<(?:script|link) [^>]*(?:src|href)="([^"]+)"', page["body"])
        if not each.startswith("data:")
    ]


def test_the_page_is_for_anybody_and_loads_from_here_alone(anybody: Api) -> None:
    """As the description is; nothing in it is inline, and its policy says so."""
    page = anybody(PATH)
    assert page["statusCode"] == 200
    assert page["headers"]["Content-Type"] == "text/html; charset=utf-8"
    policy = page["headers"]["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", page["body"])
    assert len(files(page)) == 4
    assert all(each.startswith(f"{PATH}/") for each in files(page))


def test_files_are_kept_for_ever_and_fit_into_an_answer(anybody: Api) -> None:
    """Compressed for who takes that, as all browsers do; plain for who does not."""
    for path in files(anybody(PATH)):
        plain = anybody(path)
        packed = anybody(path, headers={"accept-encoding": "gzip, br"})
        assert (plain["statusCode"], packed["statusCode"]) == (200, 200)
        assert packed["headers"]["Content-Encoding"] == "gzip"
        assert packed["headers"]["Vary"] == "Accept-Encoding"
        assert packed["isBase64Encoded"]
        assert gzip.decompress(b64decode(packed["body"])).decode() == plain["body"]
        assert "Content-Encoding" not in plain["headers"]
        assert len(packed["body"]) < len(plain["body"].encode()) < LAMBDA_MAX
        assert "immutable" in packed["headers"]["Cache-Control"]
        assert re.search(r"\?v=[0-9a-f]{12}$", path)


@pytest.mark.parametrize("name", ["nothing.js", "..%2fapp.py", "html.py", "__init__.py"])
def test_no_other_file_is_served(anybody: Api, name: str) -> None:
    """Whatever lies beside them."""
    assert anybody(f"{PATH}/{name}")["statusCode"] == 404


def test_the_page_is_not_of_what_it_describes(anybody: Api) -> None:
    """No client calls it."""
    assert not [path for path in anybody("/v1/openapi.json")["json"]["paths"] if PATH in path]
