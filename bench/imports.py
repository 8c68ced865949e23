"""Cold start: the import of an endpoint, compared with the import of the libraries that it cannot do without.

Each import runs in a fresh interpreter, in turn, many times. Figures are medians. Our code is compiled before
that, as in the built layer.
"""

import compileall
import json
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench import LAYER, ROOT
from bench.report import Part, Target, progress, table

_ENDPOINT = "create_order"
_ROUNDS = 41

# Logger, metrics, a resolver with validation (which loads its part of Powertools when it is made), pydantic with email
# addresses, and the driver.
_LIBRARIES = """
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.logging import correlation_paths
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, EmailStr, Field, StringConstraints
import email_validator
import psycopg

Logger(), Metrics(), APIGatewayHttpResolver(enable_validation=True)
"""
_TIMED = """
import time
start = time.perf_counter()
{statements}
seconds = time.perf_counter() - start
import json, sys
print(json.dumps([seconds, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""

# Libraries that slow a cold start, and that no endpoint needs before it is called.
_HEAVY = frozenset({"PIL", "boto3", "django", "flutterwave", "peewee", "qrcode", "reportlab", "sqlalchemy", "stripe"})


def measure(*, smoke: bool = False) -> Part:
    """Measure imports. With ``smoke``, only show that it works."""
    rounds = 1 if smoke else _ROUNDS
    endpoint, libraries = [], []
    progress(f"{rounds} fresh interpreters each")
    with tempfile.TemporaryDirectory() as built:
        path = _build(Path(built))
        for _ in range(rounds):
            libraries.append(_import(path, _LIBRARIES)[0])
            endpoint.append(_import(path, f"import {_ENDPOINT}")[0])
        needless = sorted(_HEAVY & _import(path, f"import {', '.join(_functions())}")[1])
    ratio = median(one / other for one, other in zip(endpoint, libraries, strict=True))
    figures = {
        "endpoint_ms": median(endpoint) * 1000,
        "libraries_ms": median(libraries) * 1000,
        "ratio": ratio,
        "needless": needless,
    }
    table(
        ["import", "median ms"],
        [[_ENDPOINT, figures["endpoint_ms"]], ["its libraries", figures["libraries_ms"]]],
    )
    targets = [
        Target("imports: an endpoint to its libraries", ratio, at_most=1.15),
        Target("imports: heavy libraries imported by any function before it runs", len(needless), at_most=0),
    ]
    return Part("imports", [] if smoke else targets, figures)


def _functions() -> list[str]:
    return [path.stem for path in sorted((ROOT / "functions").glob("*/*.py"))]


def _build(folder: Path) -> str:
    """Copy and compile the layer and the functions. Return the path to import them from."""
    shutil.copytree(LAYER, folder / "layer")
    shutil.copytree(ROOT / "functions", folder / "functions")
    compileall.compile_dir(folder, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    return os.pathsep.join([str(folder / "layer"), *(str(each) for each in sorted((folder / "functions").iterdir()))])


def _import(path: str, statements: str) -> tuple[float, set[str]]:
    """Return the seconds that imports take in a fresh interpreter, and the top-level modules that they load."""
    environment = {**os.environ, "PYTHONPATH": path, "POWERTOOLS_SERVICE_NAME": "boxoffice"}
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(statements=statements)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, modules = json.loads(done.stdout)
    return seconds, set(modules)
