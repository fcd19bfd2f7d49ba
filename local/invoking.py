"""A function of the running stack, invoked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.aws import Endpoints, note
from local.functions import FunctionError, Functions
from local.stack import IMPATIENT, StackError, read
from local.template import load, parameters_here

__all__ = ["invoke"]


def invoke(function: str, event: Mapping[str, Any]) -> Any:
    """Hands a function an event, in a process of its own beside the stack's.

    Raises:
        StackError: no stack runs, there is no such function, or it raised.
    """
    state = read()
    endpoints = Endpoints(state["aws_endpoint"], state["dynamodb_endpoint"])
    resources = load(parameters_here(state["gateway"]))
    note(resources, endpoints)
    known = resources.functions()
    if function not in known:
        raise StackError(f"no function {function}; there are: {', '.join(sorted(known))}")
    settings = endpoints.environment() | IMPATIENT
    functions = Functions({function: known[function]}, settings, "invoke-")
    try:
        return functions.call(function, event)
    except FunctionError as error:
        raise StackError(str(error)) from error
    finally:
        functions.stop()
