"""HTML of others, made harmless: nothing of it acts, and nothing is fetched by showing it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.wire.markup import harmless

PIECES = (
    "<|>|<script>|</script>|<img src=x onerror=y>|<svg>|</p>|<p title='|'|\"|<!--|-->|<style>|</style>|<math>"
    "|<noscript>|javascript:|<a href=|&lt;|onclick=|x"
)


@pytest.mark.parametrize(
    "html",
    [
        "",
        "hello",
        "<p>Hi <q>there</q>, <em>you</em><br>and <strong>you</strong></p>",
        "<ul><li>one</li><li>two</li></ul>",
        "<pre><code>if a: b</code></pre>",
        "<table><tbody><tr><td>1</td></tr></tbody></table>",
        "你好 🌹",
    ],
)
def test_text_and_its_layout_stay_as_they_are(html):
    assert harmless(html) == html


@pytest.mark.parametrize(
    ("html", "left"),
    [
        ("<script>alert(1)</script>hi", "hi"),
        ("<style>*{display:none}</style>hi", "hi"),
        ("<img src=x onerror=alert(1)>hi", "hi"),
        ("<svg onload=alert(1)>hi</svg>", "hi"),
        ('<p style="background:url(//evil)" onclick="x()" class="page" id="top">hi</p>', "<p>hi</p>"),
        ('<a href="javascript:alert(1)">hi</a>', '<a rel="noopener noreferrer nofollow">hi</a>'),
        ('<a href="JaVa\tScript:alert(1)">hi</a>', '<a rel="noopener noreferrer nofollow">hi</a>'),
        ('<a href="data:text/html,x">hi</a>', '<a rel="noopener noreferrer nofollow">hi</a>'),
        (
            '<a href="https://a.example/" target="_top">hi</a>',
            '<a href="https://a.example/" rel="noopener noreferrer nofollow">hi</a>',
        ),
        ('<iframe src="//evil"></iframe><form action="//evil"><input name=a>hi</form>', "hi"),
        ("<noscript><p title='</noscript><img src=x onerror=alert(1)>'>hi", "&lt;p title=''&gt;hi"),
        ("<math><mi//xlink:href='data:x,<script>alert(1)</script>'>hi", ""),
        ("<!--<img src=x onerror=alert(1)>-->hi", "hi"),
        ("<base href=//evil><meta http-equiv=refresh content=0><link rel=stylesheet href=//evil>hi", "hi"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("<p>open", "<p>open</p>"),
    ],
)
def test_what_could_act_or_fetch_is_gone(html, left):
    assert harmless(html) == left


@given(st.lists(st.sampled_from(PIECES.split("|")), max_size=30).map("".join))
def test_however_broken_it_is_what_stays_has_no_tag_but_those_that_may_also_when_it_is_read_again(html):
    clean = harmless(html)

    for shown in (clean, harmless(clean)):
        assert set(re.findall(r"<\s*/?\s*([a-zA-Z]+)", shown)) <= {"p", "a"}
        assert not re.search(r"<[^>]*\son\w+\s*=", shown)
