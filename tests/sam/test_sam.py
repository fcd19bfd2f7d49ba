"""SAM CLI itself: the template, what it builds, and its containers on the local stack's tables.

Everything happens in a copy of the tree, which has a build and a local stack of its own.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from samcli.yamlhelper import yaml_parse

from local.aws import Endpoints
from local.template import ACCOUNT, load
from sendtrail.aws.dynamodb import from_attributes
from tests.support import (
    ROOT,
    clean_environment,
    copy_of_tree,
    events_in,
    load_event,
    missing,
    works,
)

ARCHITECTURE: Final = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
BASE_IMAGE: Final = f"public.ecr.aws/lambda/python:3.13-{ARCHITECTURE}"
ENDPOINT: Final = "http://host.docker.internal:4566"
FOR_THIS_MACHINE: Final = (
    *("--config-env", "local"),
    *("--parameter-overrides", f"Architecture={ARCHITECTURE}"),
)
PATIENCE: Final = 600  # seconds for a command, of which pip and Docker may download
SENT: Final = json.loads(load_event("sqs-send")["Records"][0]["body"])["mail"]


def run(*command: str, tree: Path, **variables: str) -> str:
    """What a command, which must succeed, prints when it runs in the tree."""
    done = subprocess.run(
        command,
        cwd=tree,
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def get(url: str, path: str, key: str | None = None) -> tuple[int, Any]:
    """The status and the JSON that a gateway answers."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        response = connection.getresponse()
        return response.status, json.load(response)
    finally:
        connection.close()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, without what was made in it."""
    return copy_of_tree(tmp_path_factory.mktemp("sam"))


@pytest.fixture(scope="module")
def built(tree: Path) -> Path:
    """What `sam build` makes of the copy."""
    if not works("python3.13", "-c", ""):
        missing("a python3.13 that runs, which `sam build` needs")
    run("sam", "build", *FOR_THIS_MACHINE, tree=tree)
    return tree / ".aws-sam" / "build"


@pytest.fixture(scope="module")
def docker() -> None:
    """Docker, with the image that functions run in."""
    if not works("docker", "info"):
        missing("a Docker engine")
    if not works("docker", "image", "inspect", BASE_IMAGE) and not works(
        "docker", "pull", BASE_IMAGE
    ):
        missing(f"the image {BASE_IMAGE}")


@pytest.fixture(scope="module")
def stack(docker: None, built: Path, tree: Path) -> Iterator[dict[str, Any]]:
    """A local stack that containers reach, on any ports; the copy's env.json says which."""
    local = (sys.executable, "-m", "local")
    reachable = ("--host", "0.0.0.0", "--port", "0", "--aws-port", "0")  # noqa: S104
    run(*local, "up", "--detach", *reachable, tree=tree)
    try:
        state = json.loads((tree / ".local" / "stack.json").read_text("utf-8"))
        env_file = tree / "local" / "env.json"
        here = ENDPOINT.replace("4566", str(urlsplit(state["aws_endpoint"]).port))
        env_file.write_text(env_file.read_text("utf-8").replace(ENDPOINT, here), "utf-8")
        yield state
    finally:
        run(*local, "down", tree=tree)


@pytest.fixture(scope="module")
def answer_of_ingest(stack: dict[str, Any], tree: Path) -> Any:
    """What `sam local invoke` prints when it hands ingest a Send event."""
    return json.loads(
        run(
            *("sam", "local", "invoke", "IngestFunction", "-e", "events/sqs-send.json"),
            *FOR_THIS_MACHINE,
            "--skip-pull-image",
            tree=tree,
            AWS_ENDPOINT_URL=stack["aws_endpoint"],  # sam asks STS which account it is in
        )
    )


@pytest.fixture
def start_api(stack: dict[str, Any], tree: Path) -> Iterator[str]:
    """The URL of a running `sam local start-api`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tree / "start-api.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                "sam",
                "local",
                "start-api",
                *FOR_THIS_MACHINE,
                "--skip-pull-image",
                "--port",
                str(port),
            ],
            cwd=tree,
            env=clean_environment(AWS_ENDPOINT_URL=stack["aws_endpoint"]),
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while f"Running on http://127.0.0.1:{port}" not in log.read_text("utf-8"):
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_sam_validate_finds_nothing_wrong(tree: Path) -> None:
    """The template passes SAM's own validation and cfn-lint's."""
    assert "is a valid SAM Template" in run("sam", "validate", "--lint", tree=tree)


def test_env_json_names_what_the_local_stack_makes() -> None:
    """Each variable that refers to a resource is there, as the local stack has it; nothing else."""
    resources = load({"PublicUrl": "http://127.0.0.1:3000"})
    for kind in ("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::S3::Bucket"):
        for name in resources.of_type(kind):
            resources.physical[name, ""] = resources.physical_name(name)
    for name in resources.of_type("AWS::SQS::Queue"):
        url = f"{ENDPOINT}/{ACCOUNT}/{resources.physical_name(name)}"
        resources.physical[name, ""] = url
    for name, each in resources.of_type("AWS::SES::ConfigurationSet").items():
        resources.physical[name, ""] = resources.resolve(each["Name"])
    expected = {"AWS_ENDPOINT_URL": ENDPOINT}
    template = yaml_parse((ROOT / "template.yaml").read_text("utf-8"))
    functions = [template["Globals"]["Function"]]
    functions += [
        each["Properties"]
        for each in template["Resources"].values()
        if each["Type"] == "AWS::Serverless::Function"
    ]
    for function in functions:
        for name, value in function["Environment"]["Variables"].items():
            if isinstance(value, dict) and value.get("Ref") not in resources.parameters:
                resolved = resources.resolve(value)
                assert expected.setdefault(name, resolved) == resolved

    content = json.loads((ROOT / "local" / "env.json").read_text("utf-8"))

    assert content == {"Parameters": expected}


def test_the_built_layer_holds_all_that_functions_import(built: Path) -> None:
    """Every function loads with the layer alone, without this environment's own packages."""
    layer = built / "SendtrailLayer" / "python"
    program = (
        "import runpy, sys; [runpy.run_path(each) for each in sys.argv[1:]]\n"
        "import cryptography, pynamodb, sendtrail.api.app, sendtrail.wiring\n"
        "print(sendtrail.__file__)"
    )
    functions = [str(path) for path in built.glob("*/app.py")]

    loaded = run(
        *("python3.13", "-S", "-P", "-c", program, *functions), tree=built, PYTHONPATH=str(layer)
    )

    assert functions
    assert not list(layer.rglob("*.abi3.so")), "one name for two architectures: one is overwritten"
    assert Path(loaded.strip()) == layer / "sendtrail" / "__init__.py"


def test_nothing_of_the_built_layer_is_compiled_again(built: Path, tmp_path: Path) -> None:
    """A cold start runs what `sam build` compiled, whatever the times of the files in Lambda."""
    layer = tmp_path / "python"
    shutil.copytree(built / "SendtrailLayer" / "python", layer)
    for source in layer.rglob("*.py"):
        os.utime(source, (0, 0))
    program = (
        "import importlib.machinery, runpy, sys\n"
        "loader, compiled = importlib.machinery.SourceFileLoader, []\n"
        "compiling = loader.source_to_code\n"
        "def noted(self, data, path, **options):\n"
        "    compiled.append(path)\n"
        "    return compiling(self, data, path, **options)\n"
        "loader.source_to_code = noted\n"
        "for each in sys.argv[1:]: runpy.run_path(each)\n"
        "import boto3, jinja2, liquid, pydantic, pynamodb, sendtrail.api.app, sendtrail.console.app\n"
        "print(len(sys.modules), *compiled)"
    )
    functions = [str(path) for path in built.glob("*/app.py")]

    loaded, *compiled = run(
        *("python3.13", "-S", "-P", "-B", "-c", program, *functions),
        tree=built,
        PYTHONPATH=str(layer),
    ).split()

    assert int(loaded) > 500
    assert compiled == []


@pytest.mark.parametrize("architecture", ["aarch64", "x86_64"])
def test_the_built_layer_has_the_binaries_of_both_architectures(
    built: Path, architecture: str
) -> None:
    """Whichever the functions run on, its wheels' binaries are there, none in place of another's."""
    binaries = list((built / "SendtrailLayer" / "python").rglob("*.so"))
    suffix = f".cpython-313-{architecture}-linux-gnu.so"
    own = [path for path in binaries if path.name.endswith(suffix)]
    machine = {"aarch64": 183, "x86_64": 62}[architecture]  # e_machine, elf(5)

    names = {path.name.removesuffix(suffix) for path in own}
    assert names == {"_cffi_backend", "_pydantic_core", "_rust", "_speedups", "cd", "md"}
    assert all(path.read_bytes()[18] == machine for path in own)
    assert len(own) * 2 == len(binaries)


def test_sam_local_invoke_writes_into_the_local_stacks_log(
    stack: dict[str, Any], answer_of_ingest: Any
) -> None:
    """Ingest, in SAM's container, puts the sample event where the local stack keeps its log."""
    found = (
        Endpoints(stack["aws_endpoint"])
        .client("dynamodb")
        .get_item(
            TableName=stack["tables"]["Trails"],
            Key={
                "trail": {"S": SENT["tags"]["participant_id"][0]},
                "entry": {"S": SENT["tags"]["message_id"][0]},
            },
        )
    )

    assert answer_of_ingest == {"batchItemFailures": []}
    assert [event.type for event in events_in([from_attributes(found["Item"])])] == ["Send"]


def test_sam_local_start_api_answers_whoever_has_the_key(
    stack: dict[str, Any], answer_of_ingest: Any, start_api: str
) -> None:
    """SAM's gateway, authorizer and API read the stack's secrets and tables; without a key: 401."""
    participant = SENT["tags"]["participant_id"][0]
    path, key = f"/v1/participants/{participant}", stack["api_key"]
    deadline = time.monotonic() + 60
    while get(stack["gateway"], path, key)[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.2)  # the stack is folding the event

    status, profile = get(start_api, path, key)

    assert status == 200
    assert profile["participant_id"] == participant
    assert profile["address"] == SENT["destination"][0]
    assert get(start_api, path)[0] == 401
