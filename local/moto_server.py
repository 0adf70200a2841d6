"""moto's AWS on one port, in a process of its own: `python -m local.moto_server PORT OUTBOX`."""

import importlib
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

from local import moto_changes
from local.environment import HOST
from local.outbox import Outbox

_SERVICES = ("sqs", "events", "secretsmanager", "sns", "ses", "sesv2")


def main(port: int, outbox: Path) -> None:
    """Serve until the process is ended, or the one that started it has."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    moto_changes.quicken_queues()
    moto_changes.guard_queues()
    moto_changes.keep_mail(Outbox(outbox))
    for service in _SERVICES:
        importlib.import_module(f"moto.{service}.urls")
    application: Any = DomainDispatcherApplication(create_backend_app)
    make_server(HOST, port, application, threaded=True).serve_forever()


def _end_with_parent() -> None:
    """Standard input is a pipe from the stack: it closes when the stack dies, however that is."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
