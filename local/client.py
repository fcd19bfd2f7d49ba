"""The Python client of the API: made from the description that the API serves, into a wheel.

    python -m local.client [--into dist]

openapi-python-client writes a module for each route and a class for each schema, by the templates
in `client/templates`; beside them stands what `client/sendtrail_client` has. Hatchling makes the
wheel. What is generated stays in `.local/client`, and is not kept in the repository.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aws_lambda_powertools import Logger

from local.paths import ROOT, STATE
from local.template import load
from sendtrail.reading.overview import Span
from sendtrail.wiring import Wiring

__all__ = ["PACKAGE", "description", "make"]

PACKAGE: Final = "sendtrail_client"
_SOURCES: Final = ROOT / "client"
_DOCUMENT: Final = ROOT / "docs" / "client.md"


def description() -> dict[str, Any]:
    """What the API answers at /v1/openapi.json, asked without a stack."""
    from sendtrail.api.app import create

    event = json.loads((ROOT / "events" / "http-openapi.json").read_text("utf-8"))
    settings = {"AWS_REGION": "eu-west-1", **load().functions()["ApiFunction"].environment}
    wiring = Wiring(logging.getLogger(), settings)
    answer = create(wiring, Logger(service="client")).resolve(event, None)  # type: ignore[arg-type]
    found: dict[str, Any] = json.loads(answer["body"])
    return found


def make(into: Path, work: Path = STATE / "client") -> Path:
    """Makes the wheel.

    Args:
        into: the folder where it is put.
        work: the folder where it is generated, which is emptied first.

    Returns:
        the wheel's file.

    Raises:
        subprocess.CalledProcessError: the generator has something to warn of, or a tool failed.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    served = description()
    described, templates, project = work / "openapi.json", work / "templates", work / "project"
    described.write_text(json.dumps(_for_generator(served)), "utf-8")
    shutil.copytree(_SOURCES / "templates", templates)
    readme = templates / "README.md.jinja"
    readme.write_text(readme.read_text("utf-8") + _how_to_use(), "utf-8")
    _run(
        [
            *("openapi_python_client", "generate", "--fail-on-warning", "--meta", "uv"),
            *("--path", str(described), "--config", str(_SOURCES / "config.yml")),
            *("--custom-template-path", str(templates), "--output-path", str(project)),
        ],
        work,
    )
    shutil.copytree(_SOURCES / PACKAGE, project / PACKAGE, dirs_exist_ok=True)
    shutil.copy(ROOT / "LICENSE", project)
    into.mkdir(parents=True, exist_ok=True)
    _run(["hatchling", "build", "--target", "wheel", "--directory", str(into.resolve())], project)
    return into / f"{PACKAGE}-{served['info']['version']}-py3-none-any.whl"


def _for_generator(described: dict[str, Any]) -> dict[str, Any]:
    """The description without how errors look, which is the same for every route, and raised; with
    what the generator reads elsewhere: that each route needs a key, names for numbers, and one
    enumeration for what is of one or another.
    """
    for methods in described["paths"].values():
        for operation in methods.values():
            operation["security"] = described["security"]
            operation["responses"] = {
                status: answer
                for status, answer in operation["responses"].items()
                if int(status) < 400
            }
    schemas = described["components"]["schemas"]
    for name in ("Problem", "ProblemError", "GatewayMessage"):
        del schemas[name]
    schemas["Span"]["x-enum-varnames"] = [Span(each).name for each in schemas["Span"]["enum"]]
    _join_enumerations(schemas)
    return described


def _join_enumerations(schemas: dict[str, Any]) -> None:
    """Makes one enumeration of what is of one or another: which of them a value is of that neither
    has, nothing could tell.
    """
    fields = [
        (f"{name}_{field}", about)
        for name, schema in schemas.items()
        for field, about in schema.get("properties", {}).items()
    ]
    for name, about in fields:
        refs = [each["$ref"] for each in about.get("anyOf", ()) if "$ref" in each]
        kinds = [schemas[ref.rpartition("/")[2]] for ref in refs]
        if len(kinds) < 2 or not all("enum" in kind for kind in kinds):
            continue
        joined = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
        values = [value for kind in kinds for value in kind["enum"]]
        schemas[joined] = {"type": "string", "title": joined, "enum": values}
        others = [each for each in about["anyOf"] if "$ref" not in each]
        about["anyOf"] = [{"$ref": f"#/components/schemas/{joined}"}, *others]


def _how_to_use() -> str:
    """What docs/client.md says of using it, as a part of a template."""
    text = _DOCUMENT.read_text("utf-8")
    part = text.partition("<!-- use -->\n")[2].partition("<!-- /use -->")[0]
    return f"{{% raw %}}{part}{{% endraw %}}\n"


def _run(command: list[str], folder: Path) -> None:
    """Runs a module of this environment, whose programs are found first."""
    programs = str(Path(sys.executable).parent)
    environment: Mapping[str, str] = {
        **os.environ,
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", "")]),
        "SOURCE_DATE_EPOCH": "1577836800",  # the same sources make the same wheel
    }
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()


def main() -> None:
    """Makes it, and says where it is."""
    parser = argparse.ArgumentParser(description="Makes the Python client of the API into a wheel.")
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="the folder (dist)")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of metrics of its own
    print(make(parser.parse_args().into))


if __name__ == "__main__":
    main()
