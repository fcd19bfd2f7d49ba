"""What is served by threads of this process for as long as it is entered."""

from __future__ import annotations

import threading
from socketserver import BaseServer
from typing import Self

__all__ = ["Serving"]


class Serving:
    """Serves from ``with`` to its end; what derives from it makes `_server`."""

    _server: BaseServer

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
