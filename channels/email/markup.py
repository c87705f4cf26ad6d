"""HTML to the words in it. Nothing is fetched, and nothing that the sender could not see is read."""

from __future__ import annotations

import binascii
import html
import re
from base64 import b64decode
from dataclasses import dataclass

from inscriptis.css_profiles import STRICT_CSS_PROFILE
from inscriptis.html_engine import Inscriptis
from inscriptis.html_properties import Display
from inscriptis.model.config import ParserConfig
from inscriptis.model.html_element import HtmlElement as HtmlStyle
from lxml.etree import LxmlError, ParserError
from lxml.html import HtmlElement, HTMLParser, document_fromstring

_BLOCK = HtmlStyle(display=Display.block)
_STYLES = STRICT_CSS_PROFILE | dict.fromkeys(
    ("hr", "center", "dl", "dt", "dd", "form", "fieldset", "section", "caption", "details", "summary"), _BLOCK
)
_CONFIG = ParserConfig(css=_STYLES, display_links=False, display_images=False)
# Elements within elements. inscriptis calls itself for each, and at 256 libxml2 leaves out what lies deeper.
_DEEPEST = 150
_MOST_PICTURES = 20

_UNSEEN = ("script", "style", "head", "title", "noscript", "template", "object", "iframe", "svg", "xml")
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*[01](?:px|pt)?\s*(?:;|!|$)"
    r"|max-height\s*:\s*0(?:px)?\s*(?:;|!|$)|opacity\s*:\s*0\s*(?:;|!|$)",
    re.IGNORECASE,
)
_QUOTING = re.compile(r"gmail_quote|yahoo_quoted|moz-cite|protonmail_quote|quote", re.IGNORECASE)
_PICTURE = re.compile(rb"data:(image/[a-z0-9.+-]{1,40});base64,([A-Za-z0-9+/=]+)", re.IGNORECASE)
_XML = re.compile(r"^\s*<\?xml[^>]*>")
_TAG = re.compile(r"<[^<>]*>")
_BREAK = re.compile(r"</?(?:p|div|br|tr|li|h[1-6]|table|blockquote|hr)\b[^<>]*>", re.IGNORECASE)
_UNSEEN_TEXT = re.compile(r"<(script|style|head|title)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_BLANKS = re.compile(r"\n[ \t\n]*\n")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is written into the HTML itself."""

    content_type: str
    data: bytes


def words_in(markup: str) -> str:
    """Return the text of an HTML document, what it quotes from an earlier mail behind `> `. Never raises."""
    try:
        tree = _tree(markup)
        text = _text(tree, 0) if tree is not None and _depth(tree) <= _DEEPEST else _without_tags(markup)
    except (LxmlError, ValueError, RecursionError, AssertionError, TypeError, AttributeError, IndexError, KeyError):
        text = _without_tags(markup)  # the words without their order on the page
    lines = (line.replace("\xa0", " ").rstrip() for line in text.split("\n"))
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip("\n")


def lift_pictures(markup: bytes) -> tuple[bytes, list[Picture]]:
    """Take the pictures out that stand in HTML as `data:`; some mail programs send photos so."""
    found: list[Picture] = []

    def lift(match: re.Match[bytes]) -> bytes:
        try:
            found.append(Picture(match[1].decode().lower(), b64decode(match[2])))
        except binascii.Error:
            return match[0]
        return b""

    return (_PICTURE.sub(lift, markup, count=_MOST_PICTURES), found) if b"data:image/" in markup else (markup, found)


def _tree(markup: str) -> HtmlElement | None:
    parser = HTMLParser(remove_comments=True, remove_pis=True, encoding="utf-8")
    source = _XML.sub("", markup).strip()
    if not source:
        return None
    try:
        tree = document_fromstring(source.encode(), parser=parser)
    except ParserError:
        return None
    for element in list(tree.iter()):
        if not isinstance(element.tag, str) or _unseen(element):
            _drop(element)
    return tree


def _unseen(element: HtmlElement) -> bool:
    if element.tag in _UNSEEN or "hidden" in element.attrib:
        return True
    return bool(_HIDDEN.search(element.get("style", "")))


def _drop(element: HtmlElement) -> None:
    if element.getparent() is not None:
        element.drop_tree()  # what follows it stays


def _depth(tree: HtmlElement) -> int:
    deepest, level = 0, [tree]
    while level and deepest <= _DEEPEST:
        deepest += 1
        level = [child for element in level for child in element]
    return deepest


def _text(tree: HtmlElement, depth: int) -> str:
    for quotation in _outermost(tree):
        quoted = _text(quotation, depth + 1)
        tail = quotation.tail
        for child in list(quotation):
            quotation.remove(child)
        quotation.tag = "pre"
        quotation.attrib.clear()
        quotation.text = "\n".join(f"> {line}".rstrip() for line in quoted.strip("\n").split("\n"))
        quotation.tail = tail
    if depth:
        tree.tail = None
    text: str = Inscriptis(tree, _CONFIG).get_text()
    return text


def _outermost(tree: HtmlElement) -> list[HtmlElement]:
    found: list[HtmlElement] = []
    waiting = list(tree)[::-1]
    while waiting:
        element = waiting.pop()
        if element.tag == "blockquote" and _is_quotation(element):
            found.append(element)
        else:
            waiting.extend(list(element)[::-1])
    return found


def _is_quotation(element: HtmlElement) -> bool:
    """Tell what an earlier mail said from a paragraph that is only set in."""
    if element.get("type", "").lower() == "cite" or "border-left" in element.get("style", "").lower():
        return True
    if _QUOTING.search(element.get("class", "")):
        return True
    return any(_QUOTING.search(above.get("class", "")) for above in element.iterancestors())


def _without_tags(markup: str) -> str:
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", _UNSEEN_TEXT.sub("", markup))))
