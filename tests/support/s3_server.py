"""A process with an S3 server, moto, some of whose buckets misbehave. ``support.object_store`` starts it.

``forgetful-...`` ignores ``If-None-Match``; ``locked-...`` refuses every key; ``hasty-...`` answers 500 to a commit that it has
written. A write can be held: the line ``BUCKET NUMBER`` on
standard input chooses the NUMBER-th next write to a bucket, the proof of the store (``_probe``) not counted. When it arrives, its
path is printed, and it waits for the line ``apply`` or ``drop``; then ``released`` is printed. It ends with its input.
"""

from __future__ import annotations

import io
import logging
import queue
import sys
import threading
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

REFUSED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>InvalidAccessKeyId</Code><Message>The AWS Access Key Id you provided does not exist in our records.</Message>
<AWSAccessKeyId>%s</AWSAccessKeyId></Error>"""


class Buckets:
    """WSGI: moto, and the misbehaviour in front of it."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.lock, self.writing = threading.Lock(), threading.Lock()
        self.bucket, self.writes_left = "", 0
        self.verdicts: queue.SimpleQueue[str] = queue.SimpleQueue()

    def obey(self, line: str) -> None:
        """Arm a hold, or release what is held."""
        if line in ("apply", "drop"):
            self.verdicts.put(line)
            return
        with self.lock:
            bucket, number = line.split()
            self.bucket, self.writes_left = bucket, int(number)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        bucket = environ["PATH_INFO"].split("/")[1]
        if bucket.startswith("forgetful-"):
            environ.pop("HTTP_IF_NONE_MATCH", None)
        if bucket.startswith("locked-") and "HTTP_AUTHORIZATION" in environ:
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [REFUSED % environ["HTTP_AUTHORIZATION"].partition("Credential=")[2].partition("/")[0].encode()]
        if (
            bucket.startswith("hasty-")
            and environ["REQUEST_METHOD"] == "PUT"
            and "/_delta_log/" in environ["PATH_INFO"]
        ):
            return self._answer(environ, lambda status, headers: start_response(status.replace("200", "500"), headers))
        if self._is_held(bucket, environ["REQUEST_METHOD"], environ["PATH_INFO"]):
            return self._hold(environ, start_response)
        return self._answer(environ, start_response)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Moto's answer. It looks for the object and stores it in two steps, so conditional writes must take turns."""
        with self.writing if "HTTP_IF_NONE_MATCH" in environ else nullcontext():
            answer: Iterable[bytes] = self.app(environ, start_response)
            return answer

    def _hold(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        print(environ["PATH_INFO"], flush=True)
        answer: Iterable[bytes] = []
        if self.verdicts.get() == "apply":
            answer = self._answer(environ, start_response)
        else:
            start_response("400 Bad Request", [])
        print("released", flush=True)
        return answer

    def _is_held(self, bucket: str, method: str, path: str) -> bool:
        with self.lock:
            if method != "PUT" or bucket != self.bucket or "/_probe/" in path:
                return False
            self.writes_left -= 1
            return self.writes_left == 0


def main() -> None:
    """Serve until standard input ends. The first line printed is the port."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    buckets = Buckets(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, buckets, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    for line in sys.stdin:
        buckets.obey(line.strip())


if __name__ == "__main__":
    main()
