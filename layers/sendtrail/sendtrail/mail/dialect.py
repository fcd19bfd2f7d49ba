"""Liquid as mail speaks it: python-liquid with fewer tags and filters, strict, and with limits.

What a template may hold is a list of what is allowed, checked when it is stored. What it does is
measured when it is rendered, because data decide how often a loop runs. It is stricter than Liquid:
what is not there is an error unless ``default`` follows, lists and objects cannot be shown, and
nothing of a source vanishes but comments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from io import StringIO
from typing import Any, Final, NamedTuple, NoReturn

from liquid import BoundTemplate, Environment, Expression, Mode, Node, RenderContext, TokenStream
from liquid import escape as escaped
from liquid.builtin.expressions import FilteredExpression, LoopExpression, Path
from liquid.builtin.expressions.primitive import Literal, RangeLiteral
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.case_tag import CaseTag, MultiExpressionBlockNode, _AnyExpression
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.builtin.tags.if_tag import IfTag
from liquid.builtin.tags.unless_tag import UnlessTag
from liquid.exceptions import LiquidError, LiquidSyntaxError
from liquid.filter import decimal_arg, num_arg
from liquid.parser import get_parser
from liquid.token import TOKEN_CONTENT, TOKEN_EXPRESSION, TOKEN_OUTPUT, TOKEN_TAG, Token
from liquid.utils import ReadOnlyChainMap

from sendtrail.errors import (
    InvalidInputError,
    InvalidTemplateError,
    MissingFieldError,
    Problem,
)

__all__ = ["FILTERS", "MEMBER", "TAGS", "Part", "Use"]

MEMBER: Final = "[]"
"""In the path of a use: whatever the list before it holds."""

_BLOCKS: Final = frozenset({"capture", "case", "for", "if", "unless"})
TAGS: Final = _BLOCKS | {"assign", "break", "comment", "continue", "cycle", "raw"}
_OF_NUMBERS: Final = frozenset(
    {"abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus", "modulo", "plus"}
    | {"round", "times"}
)
_OF_TEXT: Final = frozenset(
    {"append", "capitalize", "downcase", "escape", "lstrip", "newline_to_br", "prepend", "remove"}
    | {"remove_first", "remove_last", "replace", "replace_first", "replace_last", "rstrip", "split"}
    | {"squish", "strip", "strip_newlines", "truncate", "truncatewords", "upcase", "url_encode"}
)
_OF_LISTS: Final = frozenset(
    {"compact", "concat", "find", "first", "has", "join", "last", "map", "reject", "reverse"}
    | {"sort", "sort_natural", "sum", "where"}
)
FILTERS: Final = _OF_NUMBERS | _OF_TEXT | _OF_LISTS | {"date", "default", "size", "slice"}

_MAX_TAGS: Final = 2_000
_MAX_IN_TAG: Final = 1_000  # characters
_MAX_IN_TAGS: Final = 50_000
_MAX_LOOPS: Final = 2  # in each other
_MAX_RENDERED: Final = 500_000
_MAX_TEXT: Final = 200_000  # characters of a value
_MAX_WORK: Final = 100_000
"""Of a rendering, in steps of a microsecond or so: 10 characters of a loop's body in each turn, 50
of a text that is handled, 5 members of a list that is looked at, 1 that a filter takes or makes."""
_FILTER_WORK, _DATE_WORK = 3, 10
_MAX_DATE: Final = 100  # characters
_GREATEST: Final = 10**18

_OPENING = re.compile(r"\{(?:\{-?|%-?\s*(\w*))")
_CLOSING: Final = {"{{": re.compile(r"}}|\{[{%]"), "{%": re.compile(r"%}|\{[{%]")}
_ENDING: Final = {name: re.compile(rf"\{{%-?\s*end{name}\s*(-?)%}}") for name in ("raw", "comment")}
_FAILURES: Final = (
    *(LiquidError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError),
)
"""What python-liquid and its filters raise where data do not suit a template."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_LITERALLY: Final = (
    "{{ … }} shows a field and {% … %} is a tag: to send such braces as they are, write "
    "{% raw %} before and {% endraw %} after them"
)
_WHERE_THE_LINK_STANDS: Final = (
    "unsubscribe_url stands in {{ … }}, alone or with url_encode or escape, and not in a capture"
)


class _RefusedError(LiquidError):
    """A template does what it may not, with these data or with any."""


class _MissingError(LiquidError):
    """A template needs a name that is not there.

    Attributes:
        holder: what should have it.
    """

    def __init__(self, holder: Any, name: str, token: Token | None) -> None:
        super().__init__(token=token)
        self.holder = holder
        self.name = name


def _tokens(source: str) -> Iterator[Token]:
    """The text and the tags of a source.

    python-liquid's own lexer takes quadratic time for braces that are not closed.
    """
    at, count, size, lstrip = 0, 0, 0, False
    while True:
        opening = _OPENING.search(source, at)
        text = source[at : opening.start() if opening else len(source)]
        text = text.lstrip() if lstrip else text
        text = text.rstrip() if opening and opening[0][2:3] == "-" else text
        if text:
            yield Token(TOKEN_CONTENT, text, at, source)
        if not opening:
            return
        kind, name = opening[0][:2], opening[1] or ""
        tag = Token(TOKEN_TAG if kind == "{%" else TOKEN_OUTPUT, name, opening.start(), source)
        closing = _CLOSING[kind].search(source, opening.end())
        if closing is None or closing[0].startswith("{"):
            raise LiquidSyntaxError(f"{kind} is not closed", token=tag)
        inner = source[opening.end() : closing.start()]
        lstrip = inner.endswith("-")
        expression = inner.removesuffix("-").strip()
        at, count, size = closing.end(), count + 1, size + len(expression)
        if len(expression) > _MAX_IN_TAG:
            raise _RefusedError(f"a tag has more than {_MAX_IN_TAG} characters", token=tag)
        if count > _MAX_TAGS or size > _MAX_IN_TAGS:
            most = f"{_MAX_TAGS} tags, or {_MAX_IN_TAGS} characters in tags"
            raise _RefusedError(f"it has more than {most}", token=tag)
        if name in _ENDING:
            ending = None if expression else _ENDING[name].search(source, at)
            if ending is None:
                raise LiquidSyntaxError(f"{name} without end{name}", token=tag)
            if name == "raw":
                yield Token(TOKEN_CONTENT, source[at : ending.start()], at, source)
            at, lstrip = ending.end(), bool(ending[1])
            continue
        yield tag
        if expression or kind == "{{":
            begin = opening.end() + len(inner) - len(inner.lstrip())
            yield Token(TOKEN_EXPRESSION, expression, begin, source)


def _balanced(tokens: Iterator[Token]) -> Iterator[Token]:
    """The same, if every block is ended."""
    blocks: list[Token] = []
    for each in tokens:
        if each.kind == TOKEN_TAG and each.value in _BLOCKS:
            blocks.append(each)
        elif each.kind == TOKEN_TAG and each.value.startswith("end") and blocks:
            blocks.pop()
        yield each
    for each in blocks[-1:]:
        raise LiquidSyntaxError(f"{each.value} without end{each.value}", token=each)


# --- what runs -------------------------------------------------------------------------------


class _Context(RenderContext):
    """What a rendering knows, where it is, and how much it may still do."""

    __slots__ = ("at", "data", "left", "turn")

    def __init__(self, template: BoundTemplate, data: Mapping[str, Any]) -> None:
        super().__init__(template)
        self.data = data
        self.scope = ReadOnlyChainMap(self.locals, data)  # without Liquid's `now` and `today`
        self.at: Token | None = None
        self.left = _MAX_WORK
        self.turn = 1  # what each turn of the loop that begins costs

    def refuse(self, message: str) -> NoReturn:
        raise _RefusedError(message, token=self.at)

    def spend(self, steps: int) -> None:
        """Takes steps from those that are left."""
        self.left -= steps
        if self.left < 0:
            self.refuse("it takes too many steps")

    def spend_on(self, value: Any, members: int = 5) -> None:
        """Takes what it costs to handle a value; of a list so many `members` for a step."""
        if isinstance(value, str):
            self.spend_on_text(len(value))
        else:
            self.spend(1 + (len(value) // members if isinstance(value, Sequence | Mapping) else 0))

    def spend_on_text(self, size: int) -> None:
        if size > _MAX_TEXT:
            self.refuse("a text gets too long")
        self.spend(1 + size // 50)

    def get(self, path: list[Any], *, token: Token | None, default: object = None) -> Any:  # noqa: ARG002  # nobody gives one
        """The value of a dotted name."""
        self.at = token
        value: Any = self.data
        for place, key in enumerate(path):
            try:
                value = self.get_item(value, key) if place else self.scope[key]
            except (LookupError, TypeError):
                raise _MissingError(value, ".".join(map(str, path[place:])), token) from None
        self.spend_on(value)
        return value

    def member(self, holder: Any, key: Any) -> Any:
        """A key of an object, a place in a list, or Liquid's size, first and last."""
        try:
            return self.get_item(holder, key)
        except (LookupError, TypeError):
            raise _MissingError(holder, str(key), self.at) from None

    def loop(self, namespace: Mapping[str, object], forloop: Any) -> Any:
        self.spend(forloop.length * self.turn)
        return super().loop(namespace, forloop)

    def get_buffer(self, buf: object = None) -> StringIO:  # noqa: ARG002  # each has its limit
        return _Buffer(self)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        self.at = token
        self.spend(_FILTER_WORK)
        return partial(self._filtered, name)

    def _filtered(self, name: str, *given: Any, **options: Any) -> Any:
        """What a filter makes; what it is given and what it makes are measured."""
        for each in given:
            self.spend_on(each, members=1 if name in _OF_LISTS else 5)
        if name in _OF_NUMBERS:
            given = tuple(map(self.number, given))
        elif name in _OF_TEXT or (name == "slice" and not isinstance(given[0], list)):
            given = tuple(map(self.text, given))
        elif name in _OF_LISTS and not isinstance(given[0], list | tuple):
            self.refuse(f"{name} is for lists, not for {_kind(given[0])}")
        function = getattr(self, f"filter_{name}", self.env.filters[name])
        if getattr(function, "with_environment", False):
            options["environment"] = self.env
        result = function(*given, **options)
        self.spend_on(self.number(result) if name in _OF_NUMBERS else result, members=1)
        return result

    def text(self, value: Any) -> str:
        """What a mail shows of a value: nothing of how Python writes it down."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str | int | float):
            return value if isinstance(value, str) else str(value)
        return "" if value is None else self.refuse(f"{_kind(value)} cannot be shown")

    def number(self, value: Any) -> int | float:
        """A number of a size that computing and showing it can bear."""
        number = num_arg(value)
        if isinstance(number, int) and abs(number) > _GREATEST:
            self.refuse("a number gets too large")
        return number

    # Filters of our own, for python-liquid's that are slow or lenient.

    def filter_date(self, value: Any, form: Any) -> str:
        self.spend(_DATE_WORK)
        if max(len(self.text(value)), len(self.text(form))) > _MAX_DATE:
            self.refuse(f"date takes at most {_MAX_DATE} characters")
        try:
            if isinstance(value, int):
                return datetime.fromtimestamp(value, UTC).strftime(form)
            return datetime.fromisoformat(self.text(value)).strftime(form)
        except (ValueError, OverflowError, OSError):
            self.refuse(f"{value!r} is no date such as 2027-05-31 or 2027-05-31T18:30Z")

    def filter_first(self, values: Any) -> Any:
        return self.member(values, "first")

    def filter_last(self, values: Any) -> Any:
        return self.member(values, "last")

    def filter_join(self, values: Sequence[Any], separator: Any = " ") -> Any:
        texts, separator = [self.text(each) for each in values], self.text(separator)
        self.spend_on_text(sum(map(len, texts)) + len(separator) * len(texts))
        return self.env.filters["join"](texts, separator, environment=self.env)

    def filter_map(self, values: Sequence[Any], key: Any) -> list[Any]:
        return [self.member(each, self.text(key)) for each in values]

    def filter_replace(self, text: str, old: str, new: str = "") -> str:
        self.spend_on_text(len(text) + text.count(old) * len(new))
        return text.replace(old, new)

    def filter_sum(self, values: Sequence[Any], key: Any = None) -> int | float:
        values = values if key is None else self.filter_map(values, key)
        total = sum(decimal_arg(self.number(each)) for each in values)
        return self.number(total if isinstance(total, int) else float(total))


def _kind(value: Any) -> str:
    kinds = {bool: "yes or no", int: "a number", float: "a number", type(None): "null"}
    kinds |= {dict: "an object", list: "a list", tuple: "a list"}
    return "a text" if isinstance(value, str) else kinds.get(type(value), "this")


class _Buffer(StringIO):
    """What is rendered, up to a limit; line ends stay as they are."""

    def __init__(self, context: _Context) -> None:
        super().__init__(newline="")
        self._context = context
        self._size = 0

    def write(self, text: str, /) -> int:
        self._size += len(text)
        if self._size > _MAX_RENDERED:
            self._context.refuse(f"it gets larger than {_MAX_RENDERED} bytes")
        self._context.spend(1 + len(text) // 50)
        return super().write(text)


class _Default(FilteredExpression):
    """``… | default: …``: only before it may something be missing."""

    def evaluate(self, context: RenderContext) -> object:
        try:
            value = self.left.evaluate(context)
        except _MissingError:
            value = None
        if value in (None, False, "", [], {}):
            for each in self.filters or []:
                value = each.evaluate(value, context)
        return value


class _Once(_AnyExpression):
    """The values of a ``when``, of which python-liquid shows the block for each that is equal."""

    def evaluate(self, context: RenderContext) -> list[bool]:
        return [any(super().evaluate(context))]


class _OutputNode(OutputNode):
    def render_to_output(self, context: Any, buffer: Any) -> int:
        text = context.text(self.expression.evaluate(context))
        written: int = buffer.write(escaped(text) if context.autoescape else text)
        return written


class _Output(Output):
    node_class = _OutputNode


class _ForNode(ForNode):
    length = 0  # of its body, in characters

    def render_to_output(self, context: Any, buffer: Any) -> int:
        members = self.expression.iterable.evaluate(context)
        context.at = self.token
        if isinstance(members, range):
            context.spend((members.stop - members.start) // 5)
        elif not isinstance(members, list | tuple | Mapping):
            context.refuse(f"a loop goes through a list or an object, not through {_kind(members)}")
        context.turn = 1 + self.length // 10
        return super().render_to_output(context, buffer)


class _For(ForTag):
    node_class = _ForNode


class _If(IfTag):
    mode = Mode.STRICT


class _Unless(UnlessTag):
    mode = Mode.STRICT


class _Case(CaseTag):
    def parse(self, stream: TokenStream) -> Node:
        before = stream.tokens[stream.pos + 2 : stream.pos + 3]
        if before and before[0].kind != TOKEN_TAG and before[0].value.strip():
            raise LiquidSyntaxError("when follows case", token=before[0])
        return super().parse(stream)

    def _parse_when_expression(self, stream: TokenStream) -> list[Expression]:
        found = super()._parse_when_expression(stream)
        stream.expect_eos()
        return found


class _Environment(Environment):
    suppress_blank_control_flow_blocks = False

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for tag in (_Output, _For, _If, _Unless, _Case):
            self.add_tag(tag)
        allowed = TAGS | {TOKEN_CONTENT, TOKEN_OUTPUT, "illegal"}
        self.tags = {name: tag for name, tag in self.tags.items() if name in allowed}


_PLAIN: Final = _Environment()
_HTML: Final = _Environment(autoescape=True)
_STATIC: Final = RenderContext(BoundTemplate(_PLAIN, []))


# --- what is checked -------------------------------------------------------------------------


def _check(node: Node, *, loops: int = 0, captured: bool = False) -> None:
    """Makes a node and all in it strict.

    Raises:
        _RefusedError: something in it is not allowed.
    """
    tag = node.token.value
    if isinstance(node, _ForNode):
        loops += 1
        node.length = len(str(node.block))
        _check_name(node.expression.identifier, node.token)
        if loops > _MAX_LOOPS:
            _refuse(node.token, f"more than {_MAX_LOOPS} loops in each other are not allowed")
    elif tag in ("break", "continue") and not loops:
        _refuse(node.token, f"{tag} stands in a loop")
    elif tag == "cycle" and not all(isinstance(each, Literal) for each in node.expressions()):
        _refuse(node.token, "cycle takes texts in quotes, and numbers")
    elif isinstance(node, MultiExpressionBlockNode):
        every = node.expression
        node.expression = _Once(every.token, every.left, every.expressions)
    elif isinstance(node, AssignNode | OutputNode):
        assert isinstance(node.expression, FilteredExpression)  # noqa: S101  # no ternaries
        if isinstance(node, OutputNode) and not captured and _shows_link(node.expression):
            return
        node.expression = _strict(node.expression)
    for name in node.template_scope():
        _check_name(name, node.token)
    for expression in node.expressions():
        _check_expression(expression)
    for child in node.children(_STATIC):
        _check(child, loops=loops, captured=captured or tag == "capture")


def _shows_link(expression: FilteredExpression) -> bool:
    """Whether it is the unsubscribe link, where a template cannot tell which link it is: so that a
    letter says the same when it is checked, sent, and looked at.
    """
    filters = {each.name for each in expression.filters or []}
    path = expression.left.path if isinstance(expression.left, Path) else []
    return path == ["unsubscribe_url"] and filters <= {"url_encode", "escape"}


def _strict(expression: FilteredExpression) -> Expression:
    """The same, with filters that there are, and where something may miss before ``default``."""
    strict = expression.left
    for each in expression.filters or []:
        if each.name not in FILTERS:
            _refuse(each.token, f"there is no filter {each.name!r}")
        kind = _Default if each.name == "default" else FilteredExpression
        strict = kind(each.token, strict, [each])
    return strict


def _check_expression(expression: Expression) -> None:
    if isinstance(expression, RangeLiteral):
        _refuse(expression.token, "a range such as (1..9) stands in for alone")
    if isinstance(expression, Path):
        if not isinstance(expression.path[0], str):
            _refuse(expression.token, "a field is written without brackets")
        for each in expression.path:
            if isinstance(each, str) and each.startswith("_"):
                _refuse(expression.token, f"the name {each!r} is not allowed")
        if expression.path[0] == "unsubscribe_url":
            _refuse(expression.token, _WHERE_THE_LINK_STANDS)
    for child in expression.children():
        if isinstance(expression, LoopExpression) and isinstance(child, RangeLiteral):
            for bound in child.children():
                _check_expression(bound)
        else:
            _check_expression(child)


def _check_name(name: str, token: Token) -> None:
    if name.startswith("_") or name in ("forloop", "unsubscribe_url"):
        _refuse(token, f"the name {name!r} is not allowed")


def _refuse(token: Token, message: str) -> NoReturn:
    raise _RefusedError(message, token=token)


class Use(NamedTuple):
    """What a part does with something in the data.

    Attributes:
        path: the keys that lead there; `MEMBER` for each member of a list.
        filters: the names of the filters that it goes through.
    """

    path: tuple[str, ...]
    filters: tuple[str, ...] = ()


_Scope = Mapping[str, tuple[str, ...] | None]
"""Name → the path that it stands for; None for what is made in the template itself."""


def _uses(node: Node, scope: dict[str, tuple[str, ...] | None]) -> Iterator[Use]:
    """What a node and all in it do with the data, as far as can be seen without any."""
    for expression in node.expressions():
        yield from _uses_of(expression, scope)
    inner = scope
    if isinstance(node, _ForNode):
        iterable = node.expression.iterable
        path = _path_of(iterable, scope) if isinstance(iterable, Path) else None
        if path:
            yield Use((*path, MEMBER))
        inner = {**scope, node.expression.identifier: (*path, MEMBER) if path else None}
        inner["forloop"] = None
    for name in node.template_scope():
        scope.setdefault(name, None)
    for child in node.children(_STATIC):
        yield from _uses(child, inner)


def _uses_of(expression: Expression, scope: _Scope, filters: tuple[str, ...] = ()) -> Iterator[Use]:
    if isinstance(expression, FilteredExpression):
        names = tuple(each.name for each in expression.filters or [])
        yield from _uses_of(expression.left, scope, (*names, *filters))
        path = _path_of(expression.left, scope) if isinstance(expression.left, Path) else None
        for each in expression.filters or []:
            if path and each.name in _OF_LISTS:
                yield Use((*path, MEMBER))
            for argument in each.args:
                value = getattr(argument, "value", None)
                if isinstance(value, Literal) and path and each.name in _OF_LISTS - {"join"}:
                    yield Use((*path, MEMBER, str(value.value)), (each.name,))
                break
        return
    if isinstance(expression, Path):
        found = _path_of(expression, scope)
        if found:
            yield Use(found, filters)
        return
    children = list(expression.children())
    # What is compared with a number is one.
    numbers = any(isinstance(each, Literal) and type(each.value) is int for each in children)
    for child in children:
        yield from _uses_of(child, scope, ("plus",) if numbers else ())


def _path_of(expression: Path, scope: _Scope) -> tuple[str, ...] | None:
    """The path of a name in the data; None if it is none of theirs."""
    first, *rest = expression.path
    if first in scope:
        begin = scope[str(first)]
        if begin is None:
            return None
    else:
        begin = (str(first),)
    for each in rest:
        if not isinstance(each, str) or each in ("first", "last"):
            begin = (*begin, MEMBER)
        elif each == "size":
            return begin
        else:
            begin = (*begin, each)
    return begin


class Part:
    """One part of a mail, read and checked.

    Attributes:
        names: the fields that it names.

    Raises:
        InvalidTemplateError: it is not well formed, or does what it may not.
    """

    __slots__ = ("_name", "_template", "names")

    def __init__(self, name: str, source: str) -> None:
        self._name = name
        environment = _HTML if name == "html" else _PLAIN
        stream = TokenStream(iter(()))
        try:
            stream = TokenStream(_balanced(_tokens(source)))
            nodes = get_parser(environment).parse(stream)
            for node in nodes:
                _check(node)
            self._template = BoundTemplate(environment, nodes)
            self.names: Final = frozenset(self._template.analyze().globals)
        except (LiquidError, RecursionError) as error:
            token = getattr(error, "token", None)
            if token is not None and token.start_index < 0:
                token = stream.tokens[stream.pos - 1]  # the last one before the end
            message = getattr(error, "message", "it is nested too deeply")
            if isinstance(error, LiquidSyntaxError):
                message = f"{message}; {_LITERALLY}"
            raise InvalidTemplateError(_problem(message, name, token)) from None

    def uses(self) -> list[Use]:
        """What it does with the data, in the order in which it stands there."""
        scope: dict[str, tuple[str, ...] | None] = {}
        return [use for node in self._template.nodes for use in _uses(node, scope)]

    def render(self, data: Mapping[str, Any]) -> str:
        """The part with the data in it.

        Raises:
            MissingFieldError: it needs a field that the data have not.
            InvalidInputError: it gets too large, or the data do not suit what it does to them.
        """
        context = _Context(self._template, data)
        buffer = _Buffer(context)
        try:
            for node in self._template.nodes:
                node.render(context, buffer)
        except _MissingError as error:
            paths = list(_paths_to(error.holder, data))
            field = ".".join((*(paths[0] if len(paths) == 1 else ()), error.name))
            problem = _problem(f"the data have no {field!r}", self._name, error.token)
            raise MissingFieldError(problem, field=field) from None
        except _FAILURES as error:
            message = str(getattr(error, "message", error))
            token = getattr(error, "token", None) or context.at
            raise InvalidInputError(_problem(message, self._name, token)) from None
        text = _SURROGATE.sub("\ufffd", buffer.getvalue())
        if len(text.encode()) > _MAX_RENDERED:
            message = f"it gets larger than {_MAX_RENDERED} bytes with these data"
            raise InvalidInputError(Problem(message, field=self._name))
        return text


def _problem(message: str, part: str, token: Token | None) -> Problem:
    """A problem of a part, at the token if it has a place."""
    if token is None or token.start_index < 0:
        return Problem(message, field=part)
    before = token.source[: token.start_index]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Problem(message, field=part, line=line, column=column)


def _paths_to(holder: Any, value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The keys that lead to a value in the data."""
    if value is holder:
        yield path
    members = value.items() if isinstance(value, Mapping) else ()
    for key, each in enumerate(value) if isinstance(value, list) else members:
        yield from _paths_to(holder, each, (*path, str(key)))
