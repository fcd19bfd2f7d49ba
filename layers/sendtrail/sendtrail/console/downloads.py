"""Files to be saved: their formats, and how they are answered."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from aws_lambda_powertools.event_handler import Response

__all__ = ["FileFormat", "download"]

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._]+")


class FileFormat(StrEnum):
    """The formats; each by the ending of its files' names."""

    CSV = "csv"
    WORKBOOK = "xlsx"
    JSON = "json"


_TYPES: Final = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.JSON: "application/json",
    FileFormat.WORKBOOK: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def download(
    content: str | bytes, name: str, file_format: FileFormat, following: str | None
) -> Response[Any]:
    """A file to be saved, called in ASCII, and as it is for browsers that know RFC 6266.

    Args:
        name: without its ending.
        following: the link to the next file of the list, if there is more of it.
    """
    called = f"{name}.{file_format}"
    plain = _UNSAFE.sub("-", called).strip("-")
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(called, safe='')}"
    headers = {"Content-Disposition": disposition}
    if following:
        headers["Link"] = f'<{following}>; rel="next"'
    return Response(200, _TYPES[file_format], content, headers)
