"""Serves moto's AWS on one port: `python -m local.services.moto_server PORT OUTBOX`, a separate process."""

import importlib
import json
import logging
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from local.cross_origin import refusal
from local.environment import HOST
from local.services import moto_patches
from local.services.outbox import Outbox

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_SERVICES = ("sqs", "events", "scheduler", "secretsmanager", "sns", "ses", "sesv2")


def main(port: int, outbox: Path) -> None:
    """Serve until this process or its parent ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"  # read when moto is imported
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    moto_patches.speed_up_queues()
    moto_patches.guard_queues()
    moto_patches.guard_lists()
    moto_patches.keep_mail(Outbox(outbox))
    for service in _SERVICES:
        importlib.import_module(f"moto.{service}.urls")
    application = refuse_other_sites(DomainDispatcherApplication(create_backend_app))
    make_server(HOST, port, application, threaded=True).serve_forever()


def refuse_other_sites(application: "WSGIApplication") -> "WSGIApplication":
    """`application` with 403 for requests of other sites' pages."""
    from werkzeug.datastructures import EnvironHeaders

    def guarded(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        reason = refusal(environ["REQUEST_METHOD"], EnvironHeaders(environ), links=False)
        if reason is None:
            return application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "application/json")])
        return [json.dumps({"message": reason}).encode()]

    return guarded


def _end_with_parent() -> None:
    """Standard input is a pipe from the stack, which closes whenever the stack ends."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
