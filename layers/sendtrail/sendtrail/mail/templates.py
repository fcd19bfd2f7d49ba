"""The templates of a mail: Jinja2 cut down to what a mail needs, so that anybody may write one.

What a template may hold is a list of what is allowed, checked when it is stored: values, `if`,
`for`, `set` and some filters, with neither calls nor attributes of Python's objects. What it does
is measured when it is rendered, because data decide how often a loop runs; both the work and what
comes of it have a limit. Data are plain JSON, and a dotted name is a key of them and nothing else:
``order.items`` is the key ``items``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from traceback import walk_tb
from typing import Any, Final, NoReturn

from jinja2 import (
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    Undefined,
    UndefinedError,
    nodes,
    pass_context,
)
from jinja2 import Template as JinjaTemplate
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context, LoopContext, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

from sendtrail.errors import InvalidInputError, InvalidTemplateError, MissingFieldError
from sendtrail.mail import markup

__all__ = ["ALLOWED_FILTERS", "ALLOWED_TESTS", "BUILT_IN", "Body", "Rendered", "Template", "check"]

BUILT_IN: Final = frozenset({"participant_id", "address", "unsubscribe_url"})
"""Fields that every mail is given, whatever its data."""

ALLOWED_FILTERS: Final = frozenset(
    {
        "abs",
        "capitalize",
        "count",
        "d",
        "default",
        "dictsort",
        "e",
        "escape",
        "first",
        "float",
        "groupby",
        "int",
        "items",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "map",
        "max",
        "min",
        "reject",
        "rejectattr",
        "replace",
        "reverse",
        "round",
        "select",
        "selectattr",
        "sort",
        "striptags",
        "sum",
        "title",
        "trim",
        "truncate",
        "unique",
        "upper",
        "urlencode",
        "wordcount",
    }
)
"""Jinja's filters that a template may use: none of them reaches into an object, runs code, or turns
the escaping off."""

ALLOWED_TESTS: Final = frozenset(TESTS) - {
    "callable",
    "escaped",
    "filter",
    "in",
    "lower",
    "sameas",
    "test",
    "upper",
}
"""Jinja's tests that a template may use."""

_MAX_SOURCE: Final = 300_000
_MAX_RENDERED: Final = 500_000
_MAX_SUBJECT: Final = 300
_MAX_LOOPS: Final = 2
_MAX_TAGS: Final = 2_000
_MAX_NODES: Final = 10_000
"""A compiled template takes some 10 KB of memory for each tag."""
_MAX_WORK: Final = 200_000
"""Of a rendering: turns of loops, members that filters look at, and characters by the hundred."""
_GREATEST: Final = 10**18

_CONTROL = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LOOP: Final = frozenset(
    {"cycle", "first", "index", "index0", "last", "length", "nextitem", "previtem"}
    | {"depth", "depth0", "revindex", "revindex0"}
)
_BY_ATTRIBUTE: Final = frozenset(
    {"groupby", "map", "max", "min", "rejectattr", "selectattr", "sort", "sum", "unique"}
)
_MAPPABLE: Final = ALLOWED_FILTERS - {"map", "reject", "rejectattr", "select", "selectattr"}
_ALLOWED_NODES: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Keyword),
    *(nodes.For, nodes.If, nodes.Assign, nodes.With, nodes.Getattr, nodes.Getitem, nodes.Slice),
    *(nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod),
    *(nodes.Concat, nodes.CondExpr, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair),
    nodes.Scope,
)
_SAID: Final[dict[type[nodes.Node], str]] = {
    nodes.Include: "include is not allowed",
    nodes.Import: "import is not allowed",
    nodes.FromImport: "import is not allowed",
    nodes.Extends: "extends is not allowed",
    nodes.Block: "block is not allowed",
    nodes.Macro: "macro is not allowed",
    nodes.CallBlock: "call is not allowed",
    nodes.Call: "calls are not allowed",
    nodes.FilterBlock: "filter blocks are not allowed",
    nodes.AssignBlock: "set blocks are not allowed",
    nodes.ScopedEvalContextModifier: "autoescape is not allowed",
    nodes.Pow: "** is not allowed",
}


@dataclass(frozen=True, slots=True)
class Body:
    """The sources of a mail's parts.

    Attributes:
        html: a page; None or blank where the mail is text alone.
        text: None or blank where it is to be made of the page.
    """

    subject: str
    html: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail's parts for one recipient; the subject is one line."""

    subject: str
    html: str | None
    text: str


class Template:
    """A mail's parts, checked and compiled.

    Attributes:
        fields: the names that a mail's data have to hold, or the template has to do without;
            the built-in ones are not among them.

    Raises:
        InvalidTemplateError: a part is not well formed, does what it may not, or is missing; or
            the parts are larger than 300,000 bytes together.
    """

    __slots__ = ("_html", "_subject", "_text", "fields")

    def __init__(self, body: Body) -> None:
        sources = {"subject": body.subject, "html": body.html or "", "text": body.text or ""}
        _check_sources(sources)
        self._subject = _Part("subject", body.subject)
        self._html = _Part("html", sources["html"]) if sources["html"].strip() else None
        self._text = _Part("text", sources["text"]) if sources["text"].strip() else None
        parts = (self._subject, self._html, self._text)
        self.fields: Final = frozenset().union(*(part.names for part in parts if part)) - BUILT_IN

    @property
    def has_text(self) -> bool:
        """Whether the mail's text is its author's own, and not made of the page."""
        return self._text is not None

    def render(self, data: Mapping[str, Any], *, make_text: bool = True) -> Rendered:
        """The mail for one recipient.

        Args:
            data: plain JSON by the names of `fields`, and all of `BUILT_IN`.
            make_text: whether to make the text of the page, where there is none; else it is empty.

        Raises:
            MissingFieldError: the template needs a field that the data have not.
            InvalidInputError: the subject comes out empty or longer than 300 characters, a part
                larger than 500,000 bytes, or the data do not suit what the template does to them.
        """
        subject = _CONTROL.sub(" ", self._subject.render(data)).strip()
        if not subject:
            raise InvalidInputError("the subject is empty")
        if len(subject) > _MAX_SUBJECT:
            raise InvalidInputError(
                f"the subject has {len(subject)} characters; the most is {_MAX_SUBJECT}"
            )
        html = self._html.render(data) if self._html else None
        if self._text:
            text = self._text.render(data)
        else:
            text = markup.as_text(html or "") if make_text else ""
        return Rendered(subject, html, text)


def check(body: Body) -> frozenset[str]:
    """The fields of a template, as `Template.fields`.

    Raises:
        InvalidTemplateError: as `Template` does.
    """
    return Template(body).fields


def _check_sources(sources: Mapping[str, str]) -> None:
    for part, source in sources.items():
        if _SURROGATE.search(source):
            raise _invalid(part, None, "half of a surrogate pair is no character")
    if not sources["subject"].strip():
        raise _invalid("subject", None, "it is empty")
    if not sources["html"].strip() and not sources["text"].strip():
        raise _invalid("text", None, "there is neither html nor text")
    sizes = {part: len(source.encode()) for part, source in sources.items()}
    if sum(sizes.values()) > _MAX_SOURCE:
        raise _invalid(
            max(sizes, key=lambda part: sizes[part]),
            None,
            f"all parts together have {sum(sizes.values())} bytes; the most is {_MAX_SOURCE}",
        )


def _invalid(part: str, line: int | None, message: str) -> InvalidTemplateError:
    where = f"{part}, line {line}" if line else part
    return InvalidTemplateError(f"{where}: {message}", part=part, line=line)


# What runs.


class _NotAllowedError(SecurityError):
    """A template does with these data what it may not."""


class _MissingNameError(UndefinedError):
    """A template needs a name that is not there.

    Attributes:
        holder: what should have it; `missing` where that is the data as a whole.
        name: its name; None where it has none, such as the first of an empty list.
    """

    def __init__(self, holder: Any, name: Any, message: str | None = None) -> None:
        super().__init__(message)
        self.holder = holder
        self.name = name


class _Missing(StrictUndefined):
    """What is not there: an error, unless one asks whether it is, or gives a default."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: Callable[[str], Exception] = UndefinedError,
    ) -> None:
        if exc is UndefinedError:
            exc = partial(_MissingNameError, obj, name)
        super().__init__(hint, obj, name, exc)  # type: ignore[arg-type]  # Jinja only calls it

    def within(self, name: str) -> _Missing:
        """What is not there either, in what is not there."""
        own = self._undefined_name
        return _Missing(obj=self._undefined_obj, name=f"{own}.{name}" if own else name)


class _Context(Context):
    """What a rendering knows, and how much it may still do."""

    left = _MAX_WORK

    def spend(self, value: Any, turn: int = 1) -> None:
        """Takes what it costs to handle `value`, or each of its members, from what is left."""
        cost = 1
        if isinstance(value, str):
            if len(value) > _MAX_RENDERED:
                raise _NotAllowedError("a text gets too long")
            cost += len(value) // 100
        elif isinstance(value, list | tuple | dict):
            cost += len(value) * turn
        self.left -= cost
        if self.left < 0:
            raise _NotAllowedError("it takes too many steps")


@pass_context
def _measured(context: _Context, value: Any, turn: int = 0) -> Any:
    """What a loop goes through, or `in` looks into.

    Args:
        turn: what a turn of the loop costs; 0 for what is no loop.
    """
    if turn and isinstance(value, str):
        raise _NotAllowedError("a loop goes through a list or an object, not through a text")
    if isinstance(value, Undefined):
        len(value)  # raises that it is missing
    if not isinstance(value, str | list | tuple | dict):
        raise _NotAllowedError(f"{_kind(value)} has no members")
    context.spend(value, turn or 1)
    return value


@pass_context
def _concat(context: _Context, values: Sequence[Any]) -> Any:
    """``~``."""
    for value in values:
        context.spend(_printable(value))
    joined = (markup_join if context.eval_ctx.autoescape else str_join)(values)
    context.spend(joined)
    return joined


@pass_context
def _join(context: _Context, values: Any, d: str = "", attribute: str | None = None) -> Any:
    if attribute is not None:
        values = context.environment.call_filter(
            "map", values, (), {"attribute": attribute}, context
        )
    values = list(_measured(context, values))
    size = sum(len(str(_printable(value))) for value in values)
    if size + len(str(_printable(d))) * len(values) > _MAX_RENDERED:
        raise _NotAllowedError("a text gets too long")
    return FILTERS["join"](context.eval_ctx, values, d)


def _replace(text: Any, old: Any, new: Any, count: int | None = None) -> Any:
    text, old, new = (str(_printable(each)) for each in (text, old, new))
    if len(text) + text.count(old) * len(new) > _MAX_RENDERED:
        raise _NotAllowedError("a text gets too long")
    return text.replace(old, new, -1 if count is None else count)


def _round(value: Any, precision: int = 0, method: str = "common") -> Any:
    if not isinstance(precision, int) or not 0 <= precision <= 15:
        raise _NotAllowedError("round takes 0 to 15 places")
    return FILTERS["round"](value, precision, method)


def _dictsort(value: Any, **options: Any) -> Any:
    return FILTERS["dictsort"](_mapping(value), **options)


def _items(value: Any) -> Any:
    return list(_mapping(value).items())


def _sum(values: Any) -> Any:
    total = 0
    for value in values:
        total = _calculated("+", total, value)
    return total


def _mapping(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, Mapping):
        return value
    raise _NotAllowedError(f"{_kind(value)} has no keys")


_OWN: Final[dict[str, Callable[..., Any]]] = {
    "dictsort": _dictsort,
    "items": _items,
    "join": _join,
    "replace": _replace,
    "round": _round,
    "sum": _sum,
}
_OF_TEXT: Final = frozenset(
    {"capitalize", "e", "escape", "lower", "striptags", "title", "trim", "truncate", "upper"}
    | {"urlencode", "wordcount"}
)
_OF_MEMBERS: Final = frozenset(
    {"dictsort", "first", "groupby", "items", "join", "last", "list", "map", "max", "min"}
    | {"reject", "rejectattr", "reverse", "select", "selectattr", "sort", "sum", "unique"}
)


def _limited(name: str) -> Callable[..., Any]:
    """One of Jinja's filters, whose input and output are measured."""
    function = _OWN.get(name, FILTERS[name])
    # What Jinja's own decorators mark a function with, to be given more than its value.
    mark = getattr(getattr(function, "jinja_pass_arg", None), "name", None)

    @pass_context
    def limited(context: _Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        if name in _OF_TEXT:
            value = _printable(value)
        if name in _OF_MEMBERS:
            value = _measured(context, value)
        else:
            context.spend(value)
        first: tuple[Any, ...] = ()
        if mark is not None:
            of = {"context": context, "eval_context": context.eval_ctx}
            first = (of.get(mark, context.environment),)
        result = function(*first, value, *args, **kwargs)
        if isinstance(result, Iterator):
            result = list(result)
        context.spend(result)
        return result

    return limited


def _calculated(operator: str, left: Any, right: Any) -> Any:
    """Numbers of a size that printing and computing can bear; ``+`` also joins texts."""
    for value in (left, right):
        if isinstance(value, Undefined):
            str(value)  # raises that it is missing
        if not isinstance(value, int | float):
            raise _NotAllowedError(f"{operator} is for numbers, not for {_kind(value)}")
        if isinstance(value, int) and abs(value) > _GREATEST:
            raise _NotAllowedError("a number gets too large")
    return ImmutableSandboxedEnvironment.default_binop_table[operator](left, right)


def _printable(value: Any) -> Any:
    """What a mail may show: nothing of how Python writes a list down."""
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, Undefined):
        return str(value)  # raises that it is missing
    raise _NotAllowedError(f"{_kind(value)} cannot be shown")


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", tuple: "a list", str: "a text", bool: "yes or no"}
    kinds |= {int: "a number", float: "a number", type(None): "null"}
    return kinds.get(type(value), "this")


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, with less in it."""

    intercepted_binops = frozenset({"*", "+", "-", "/", "//", "%"})
    context_class = _Context

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(undefined=_Missing, autoescape=autoescape, finalize=_printable)
        self.globals.clear()
        self.filters = {name: _limited(name) for name in ALLOWED_FILTERS}
        self.filters |= {"_measured": _measured, "_concat": _concat}
        self.tests = {name: TESTS[name] for name in ALLOWED_TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``obj.attribute``: a key of data, or what Jinja says of a loop."""
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        if isinstance(obj, tuple) and attribute in ("grouper", "list"):  # what groupby makes
            return getattr(obj, attribute, None)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """``obj[argument]``: a key of data or a place in a list."""
        if isinstance(obj, _Missing):
            return obj.within(str(argument))
        if isinstance(argument, str) != isinstance(obj, Mapping):
            return self.undefined(obj=obj, name=argument)
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator between two values."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            assert isinstance(context, _Context)  # noqa: S101  # as `context_class` says
            return _concat(context, [left, right])
        return _calculated(operator, left, right)


_ENVIRONMENTS: Final = {
    "subject": _Environment(autoescape=False),
    "html": _Environment(autoescape=True),
    "text": _Environment(autoescape=False),
}


_FAILURES: Final = (
    *(TemplateError, ArithmeticError, AssertionError, AttributeError, LookupError),
    *(RecursionError, TypeError, ValueError),
)
"""What Jinja and its filters raise where data do not suit a template."""


class _Part:
    """One part of a mail, checked and compiled.

    Attributes:
        names: what it wants to be told.
    """

    __slots__ = ("_name", "_template", "names")

    def __init__(self, name: str, source: str) -> None:
        environment = _ENVIRONMENTS[name]
        self._name = name
        try:
            if source.count("{{") + source.count("{%") > _MAX_TAGS:
                raise _invalid(name, None, f"it has more than {_MAX_TAGS} tags")
            tree = environment.parse(source)
            if sum(1 for _ in tree.find_all(nodes.Node)) > _MAX_NODES:
                raise _invalid(name, None, "it has too many expressions")
            _check_node(name, tree, loops=0)
            self.names: Final = frozenset(find_undeclared_variables(tree))
            code = environment.compile(_Measuring().visit(tree))
            self._template = JinjaTemplate.from_code(environment, code, {})
        except TemplateSyntaxError as error:
            raise _invalid(name, error.lineno, error.message or "not well formed") from None
        except (RecursionError, SyntaxError, MemoryError):
            # Python's own limits: brackets in brackets, or blocks in blocks, by the hundred.
            raise _invalid(name, None, "it is nested too deeply") from None
        except (OverflowError, ValueError):
            raise _invalid(name, None, "a number in it is too large") from None

    def render(self, data: Mapping[str, Any]) -> str:
        """The part with the data in it."""
        pieces: list[str] = []
        size = 0
        try:
            for piece in self._template.generate(data):
                pieces.append(piece)
                size += len(piece)
                if size > _MAX_RENDERED:
                    break
        except _MissingNameError as error:
            raise self._missing(error, data) from None
        except _FAILURES as error:
            raise self._failed(error) from None
        text = _SURROGATE.sub("\ufffd", "".join(pieces))
        if len(text.encode()) > _MAX_RENDERED:
            raise InvalidInputError(
                f"{self._name}: it gets larger than {_MAX_RENDERED} bytes with these data"
            )
        return text

    def _missing(self, error: _MissingNameError, data: Mapping[str, Any]) -> InvalidInputError:
        if error.name is None:
            return self._failed(error)
        name = str(error.name)
        if error.holder is not missing:
            name = ".".join((*_path_to(error.holder, data), name))
        return MissingFieldError(f"{self._where(error)}: the data have no {name!r}", field=name)

    def _failed(self, error: Exception) -> InvalidInputError:
        return InvalidInputError(f"{self._where(error)}: {error}")

    def _where(self, error: Exception) -> str:
        # Jinja makes the traceback one of the template's own lines.
        lines = [
            line
            for frame, line in walk_tb(error.__traceback__)
            if frame.f_code.co_filename == "<template>"
        ]
        return f"{self._name}, line {lines[-1]}" if lines else self._name


def _path_to(holder: Any, data: Any) -> tuple[str, ...]:
    """The keys that lead to a value in the data; none where that is not there, or in two places."""
    paths: list[tuple[str, ...]] = []
    pending: list[tuple[Any, tuple[str, ...]]] = [(data, ())]
    while pending:
        value, path = pending.pop()
        if value is holder:
            paths.append(path)
        if isinstance(value, Mapping):
            pending += ((each, (*path, str(key))) for key, each in value.items())
        elif isinstance(value, list):
            pending += ((each, (*path, str(place))) for place, each in enumerate(value))
    return paths[0] if len(paths) == 1 else ()


# What is checked.


def _check_node(part: str, node: nodes.Node, loops: int) -> None:
    """Raises unless a node and all in it are allowed.

    Raises:
        InvalidTemplateError: it is not.
    """

    def refuse(message: str) -> NoReturn:
        raise _invalid(part, node.lineno, message)

    if isinstance(node, nodes.Call) and _is_cycle(node):
        for argument in node.args:
            _check_node(part, argument, loops)
        return
    if isinstance(node, nodes.List | nodes.Tuple | nodes.Dict) and not _is_plain(node):
        # Else a few lines make a list of lists whose comparison takes for ever.
        refuse("a list or an object in a template may hold constants alone")
    if not isinstance(node, _ALLOWED_NODES):
        refuse(_SAID.get(type(node), f"{type(node).__name__.lower()} is not allowed"))
    _check_names(node, refuse)
    if isinstance(node, nodes.Filter):
        _check_filter(node, refuse)
    if isinstance(node, nodes.Test) and node.name not in ALLOWED_TESTS:
        refuse(f"there is no test {node.name!r}")
    if isinstance(node, nodes.For):
        loops += 1
        if loops > _MAX_LOOPS:
            refuse(f"more than {_MAX_LOOPS} loops in each other are not allowed")
        if node.recursive:
            refuse("recursive loops are not allowed")
    for child in node.iter_child_nodes():
        _check_node(part, child, loops)


def _check_names(node: nodes.Node, refuse: Callable[[str], NoReturn]) -> None:
    if isinstance(node, nodes.Name) and (node.name.startswith("_") or node.name == "self"):
        refuse(f"the name {node.name!r} is not allowed")
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        refuse(f"the name {node.attr!r} is not allowed")
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Const):
        refuse(f"there is no {node.attr!r} in a constant")
    if isinstance(node, nodes.Getitem) and _is_private(node.arg):
        refuse("names that begin with an underscore are not allowed")


def _check_filter(node: nodes.Filter, refuse: Callable[[str], NoReturn]) -> None:
    if node.name not in ALLOWED_FILTERS:
        refuse(f"there is no filter {node.name!r}")
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        refuse("* and ** are not allowed")
    options = {each.key: each.value for each in node.kwargs}
    if node.name in _BY_ATTRIBUTE and any(map(_is_private, (*node.args, *options.values()))):
        refuse("names that begin with an underscore are not allowed")
    if node.name == "sum" and (node.args or options):
        refuse("sum has no options; use map before it")
    # These take the name of another filter or test, which has to be as good as if it stood there.
    place = {"map": 0, "select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}.get(node.name)
    if place is not None and len(node.args) > place:
        named = node.args[place]
        allowed = _MAPPABLE if node.name == "map" else ALLOWED_TESTS
        if not isinstance(named, nodes.Const) or named.value not in allowed:
            refuse(f"{node.name} is not allowed with this")


def _is_plain(node: nodes.List | nodes.Tuple | nodes.Dict) -> bool:
    """Whether it holds constants alone, or names what a loop or an assignment sets."""
    if isinstance(node, nodes.Tuple) and node.ctx == "store":
        return True
    held: list[nodes.Node] = []
    for each in node.items:
        held += [each.key, each.value] if isinstance(each, nodes.Pair) else [each]
    return all(isinstance(each, nodes.Const) for each in held)


def _is_cycle(node: nodes.Call) -> bool:
    called = node.node
    return (
        isinstance(called, nodes.Getattr)
        and called.attr == "cycle"
        and isinstance(called.node, nodes.Name)
        and called.node.name == "loop"
        and not (node.kwargs or node.dyn_args or node.dyn_kwargs)
    )


def _is_private(node: nodes.Node) -> bool:
    """Whether this is a name, or a dotted one, that begins with an underscore somewhere."""
    if not isinstance(node, nodes.Const) or not isinstance(node.value, str):
        return False
    return any(name.strip().startswith("_") for name in re.split("[.,]", node.value))


class _Measuring(NodeTransformer):
    """Puts our own filters around what would not be measured otherwise."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        """``for x in <this>``."""
        self.generic_visit(node)
        # A turn costs what its body is long.
        turn = nodes.Const(1 + sum(1 for _ in node.find_all(nodes.Node)) // 20)
        node.iter = _filtered("_measured", node.iter, turn)
        return node

    def visit_Operand(self, node: nodes.Operand) -> nodes.Node:  # noqa: N802
        """``x in <this>``."""
        self.generic_visit(node)
        if node.op in ("in", "notin"):
            node.expr = _filtered("_measured", node.expr)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        """``this ~ that``."""
        self.generic_visit(node)
        return _filtered("_concat", nodes.List(node.nodes, lineno=node.lineno))


def _filtered(name: str, node: nodes.Node, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)
