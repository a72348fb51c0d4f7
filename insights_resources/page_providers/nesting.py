"""How deeply a page's elements nest, found in one pass over its text, before a tree is built.

Building the tree takes time proportional to size times depth, so a small page of unclosed tags
can hold a process for minutes, and repeated formatting tags can make a tree far larger than its
page. This scan follows the HTML tokenizer closely enough never to count less than the tree
builder does: where both readings are possible it counts the deeper one.
"""

from __future__ import annotations

import re

# What follows a tag's name up to its ">", with quotes where the tokenizer sees quotes: only at the
# start of a value. Only characters repeat possessively: before Python 3.11.5 a group that does may
# match wrongly. Nothing follows the attributes, so that none are given back; they are taken some
# at a time, because the engine remembers each of a run.
_NAME = re.compile(r"</?(?P<name>[a-zA-Z][^\s/>]*+)|<!--(?P<comment>)|<[!?/]")
_ATTRIBUTES = re.compile(
    r"(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?)?){0,100}"
)
_COMMENT_END = re.compile(r"--!?>")
_SCRIPT_TOKEN = re.compile(r"<!--|-->|<(/?)script(?=[\s/>])", re.IGNORECASE)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Elements whose content is text to the tokenizer.
_RAW = _names("script style textarea title xmp iframe noembed noframes")
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _RAW - {"script"}}

#: Formatting does not reach into or out of these.
_MARKERS = _names("applet caption marquee object td template th")
_VOID = _names(
    "area base basefont bgsound br col embed frame hr img input keygen link meta param source "
    "track wbr"
)
#: Elements that the tree builder opens again inside each following block until they are closed.
_FORMATTING = _names("a b big code em font i nobr s small strike strong tt u")
#: Elements of SVG and MathML that hold HTML again.
_HTML_INSIDE = {
    "svg": frozenset({"foreignobject", "desc", "title"}),
    "math": frozenset({"mi", "mo", "mn", "ms", "mtext"}),
}
_INTEGRATION = frozenset(
    f"{around}:{name}" for around, names in _HTML_INSIDE.items() for name in names
) | {"math:annotation-xml"}
#: End tags of ordinary elements do not reach past these.
_SPECIAL = _INTEGRATION | _names(
    "address applet article aside blockquote body button caption center dd details dir div dl dt "
    "fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 head header hgroup html "
    "iframe li listing main marquee menu nav noembed noframes noscript object ol p plaintext pre "
    "search section select summary table tbody td template tfoot th thead tr ul xmp"
)
#: End tags of blocks do not reach past these.
_SCOPE = _INTEGRATION | _names("applet caption html table td th marquee object template select")
_HEADINGS = _names("h1 h2 h3 h4 h5 h6")
#: Blocks that an end tag closes together with what is open inside them.
_SCOPED_END = _names(
    "address applet article aside blockquote button center dd details dialog dir div dl dt "
    "fieldset figcaption figure footer header hgroup listing main marquee menu nav object ol pre "
    "search section select summary ul"
)
_LISTS = frozenset({"ul", "ol"})
#: Opening one of these closes an open paragraph.
_CLOSES_P = _HEADINGS | _names(
    "address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form header hgroup hr li listing main menu nav ol p plaintext pre search "
    "section summary ul xmp"
)
_P = frozenset({"p"})
_P_BOUNDARY = _SCOPE | {"button"}
_ITEMS = frozenset({"dt", "dd"})
_CELLS = frozenset({"td", "th"})
_IN_TABLE = _names("caption colgroup tbody td tfoot th thead tr")
_TABLES = frozenset({"table", "template"})
#: Opening one of these closes an open one of the first group, unless one of the second is nearer.
_IMPLIED_END = {
    "li": (frozenset({"li"}), (_SPECIAL | _SCOPE) - {"li", "p", "address"}),
    "dt": (_ITEMS, (_SPECIAL | _SCOPE) - _ITEMS - {"p", "address"}),
    "dd": (_ITEMS, (_SPECIAL | _SCOPE) - _ITEMS - {"p", "address"}),
    "tr": (frozenset({"tr"}), _TABLES),
    "td": (_CELLS, _TABLES | {"tr"}),
    "th": (_CELLS, _TABLES | {"tr"}),
}
_ENDED_BY_OPTION = ("option", "p", "li", "dd", "dt", "rb", "rp", "rt", "rtc")
#: Tags that open no further element, or close none.
_DOCUMENT = _names("html head body frameset")
#: HTML elements that end an SVG or MathML part when they open inside it.
_BREAKOUT = (
    _HEADINGS
    | (_FORMATTING - {"a", "font"})
    | _names(
        "blockquote body br center dd div dl dt embed head hr img li listing menu meta ol p pre "
        "ruby span sub sup table ul var"
    )
)

_BREAKOUT_FONT = re.compile(r"(?i)[\s/](?:color|face|size)(?=[\s/=]|$)")

#: Steps that the scan and the tree builder may spend on misnested tags.
MAX_MISNESTING = 2_000_000


def nesting_problem(html: str, *, max_depth: int, max_tags: int) -> str | None:
    """Why the page must not be parsed, in words; None when it nests like a real page.

    Takes time linear in the length of the page.
    """
    return _Scan(html, max_depth, max_tags).problem()


def _end_of_attributes(html: str, position: int) -> int:
    while (found := _ATTRIBUTES.match(html, position)) is not None and found.end() > position:
        position = found.end()
    return position


class _Scan:
    def __init__(self, html: str, max_depth: int, max_tags: int) -> None:
        self._html = html
        self._max_depth = max_depth
        self._max_tags = max_tags
        self._stack: list[str] = []
        #: By element of the stack, the language of what it holds: html, svg or math.
        self._holds: list[str] = []
        self._open: dict[str, int] = {}
        #: Formatting elements that are open; None where one of ``_MARKERS`` began.
        self._formatting: list[str | None] = []
        self._misnesting = 0

    def problem(self) -> str | None:
        html, stack = self._html, self._stack
        position = tags = 0
        while (found := _NAME.search(html, position)) is not None:
            name = found["name"]
            if name is None:
                position = self._end_of_comment(found)
                continue
            attributes_end = _end_of_attributes(html, found.end())
            if not html.startswith(">", attributes_end):
                return None  # the page ends inside this tag, which the tree builder drops
            position = attributes_end + 1
            name = name.lower()
            if found[0][1] == "/":
                self._close(name)
                continue
            tags += 1
            self._misnesting += len(self._formatting)
            foreign = bool(self._holds) and self._holds[-1] != "html"
            self._start(name, html[found.end() : attributes_end])
            if len(stack) + len(self._formatting) > self._max_depth:
                return f"elements nest more than {self._max_depth} deep"
            if tags > self._max_tags:
                return f"more than {self._max_tags} elements"
            if self._misnesting > MAX_MISNESTING:
                return "tags are too tangled to be read"
            if name in _RAW and not foreign:
                position = self._end_of_raw_text(name, position)
        return None

    def _end_of_comment(self, found: re.Match[str]) -> int:
        html, after = self._html, found.end()
        if found["comment"] is None:
            end = html.find(">", after)
            return len(html) if end < 0 else end + 1
        if html.startswith(">", after) or html.startswith("->", after):
            return html.index(">", after) + 1
        closing = _COMMENT_END.search(html, after)
        return len(html) if closing is None else closing.end()

    def _end_of_raw_text(self, name: str, position: int) -> int:
        """Where markup goes on after the element's text (it is no markup to the tokenizer)."""
        end = self._end_of_script(position) if name == "script" else None
        if name != "script" and (closing := _RAW_END[name].search(self._html, position)):
            end = closing.start()
        return len(self._html) if end is None else end

    def _end_of_script(self, position: int) -> int | None:
        escaped = double = False
        for token in _SCRIPT_TOKEN.finditer(self._html, position):
            text = token.group()
            if text == "<!--":
                escaped = True
            elif text == "-->":
                escaped = double = False
            elif token.group(1) == "/":
                if not double:
                    return token.start()
                double = False
            elif escaped:
                double = True
        return None

    def _start(self, name: str, attributes: str) -> None:
        if name in ("svg", "math") and attributes.endswith("/"):
            return
        if self._holds and self._holds[-1] != "html":
            if name in _BREAKOUT or (name == "font" and _BREAKOUT_FONT.search(attributes)):
                while self._holds and self._holds[-1] != "html":
                    self._pop()
            elif attributes.endswith("/"):
                return
            elif name not in _VOID:
                self._push(name)
                return
        if name in ("li", "dt", "dd"):
            self._pop_to(*_IMPLIED_END[name])
        if name in _CLOSES_P and self._open.get("p"):
            self._pop_to(_P, _P_BOUNDARY)
        if name in _VOID or name in _DOCUMENT:
            return
        if name in _FORMATTING:
            if name in ("a", "nobr"):  # a second link closes the first
                self._end_formatting(name)
            self._formatting.append(name)
            return
        if name in _IN_TABLE and not self._open.get("table") and not self._open.get("template"):
            return
        if name in ("tr", "td", "th"):
            self._pop_to(*_IMPLIED_END[name])
        elif name in ("option", "optgroup"):
            ended = _ENDED_BY_OPTION if self._open.get("select") else ("option",)
            while self._stack and self._stack[-1] in ended:
                self._pop()
        self._push(name)

    def _push(self, name: str) -> None:
        around = self._holds[-1] if self._holds else "html"
        holds = "html" if name in _HTML_INSIDE.get(around, ()) else around
        if name in ("svg", "math") and (
            around == "html" or self._stack[-1] == "math:annotation-xml"
        ):
            holds = name
        elif around != "html":
            name = f"{around}:{name}"
        if name in _MARKERS:
            self._formatting.append(None)
        self._holds.append(holds)
        self._stack.append(name)
        self._open[name] = self._open.get(name, 0) + 1

    def _close(self, name: str) -> None:
        if self._holds and self._holds[-1] != "html" and self._close_foreign(name):
            return
        if name in _FORMATTING:
            self._end_formatting(name)
            return
        if not self._open.get(name) or name in _DOCUMENT:
            return
        if name == "form":
            self._remove_form()
        elif name in _HEADINGS:
            self._pop_to(_HEADINGS, _SCOPE)
        elif name in ("table", "template", "svg", "math"):
            self._pop_to(frozenset({name}), frozenset({"template"}) - {name})
        elif name in _IN_TABLE:
            self._pop_to(frozenset({name}), _TABLES)
        elif name == "p":
            self._pop_to(_P, _P_BOUNDARY)
        elif name == "li":
            self._pop_to(frozenset({name}), _SCOPE | _LISTS)
        elif name in _SCOPED_END:
            self._pop_to(frozenset({name}), _SCOPE - {name})
        else:
            self._pop_to(frozenset({name}), _SPECIAL | _SCOPE)

    def _close_foreign(self, name: str) -> bool:
        """Whether the end tag belongs to the SVG or MathML part that is open."""
        if name in ("p", "br"):
            while self._holds and self._holds[-1] != "html":
                self._pop()
            return True
        wanted = name if name in ("svg", "math") else f"{self._holds[-1]}:{name}"
        if not self._open.get(wanted):
            return False
        for distance, holds in enumerate(reversed(self._holds), start=1):
            self._misnesting += 1
            if self._stack[-distance] == wanted:
                for _ in range(distance):
                    self._pop()
                return True
            if holds == "html":
                break
        return False

    def _end_formatting(self, name: str) -> None:
        formatting = self._formatting
        for place in range(len(formatting) - 1, -1, -1):
            if formatting[place] == name:
                del formatting[place]
                return
            if formatting[place] is None:
                return
            self._misnesting += 1

    def _remove_form(self) -> None:
        """A form ends without ending what was opened inside it."""
        for place in range(len(self._stack) - 1, -1, -1):
            self._misnesting += 1
            if self._stack[place] == "form":
                del self._stack[place], self._holds[place]
                self._open["form"] -= 1
                return

    def _pop_to(self, names: frozenset[str], boundary: frozenset[str]) -> None:
        """Closes up to and with the innermost element of these names, if no boundary is nearer."""
        for distance, name in enumerate(reversed(self._stack), start=1):
            if name in names:
                for _ in range(distance):
                    self._pop()
                return
            if name in boundary:
                return
            self._misnesting += 1

    def _pop(self) -> None:
        name = self._stack.pop()
        self._holds.pop()
        self._open[name] -= 1
        if name in _MARKERS:
            formatting = self._formatting
            while formatting.pop() is not None:
                pass
