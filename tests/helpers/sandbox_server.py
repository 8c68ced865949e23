"""The sandbox as a process of its own: ``python -m tests.helpers.sandbox_server PORT FOLDER``."""

import sys
from pathlib import Path

from flask import Flask

from local.boxoffice.sandbox.server import payments
from local.stack.project import RunningStack
from local.stack.server import listen, serve


def main(port: int, folder: Path) -> None:
    """Serve until the process is killed."""
    app = Flask(__name__)
    app.register_blueprint(payments(RunningStack(f"http://127.0.0.1:{port}", folder, folder, owner_url="")))
    serve(app, listen("127.0.0.1", port))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
