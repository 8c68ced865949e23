"""An email as text, from the HTML that its template writes."""

import pytest

from boxoffice.email_text import plain


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<h1>Your tickets</h1>\n<p>You have paid.</p>\n\n\n<p>Soon.</p>", "Your tickets\n\nYou have paid.\n\nSoon.\n"),
        ("<p>one\n   line</p>", "one line\n"),
        ("<p>Jazz<br>Lagos<br>\n 19:30</p>", "Jazz\nLagos\n19:30\n"),
        (
            "<p>Gone:</p>\n<ul>\n<li>1 × Stalls</li>\n\n<li>2 × Box</li>\n</ul>\n<p>x</p>",
            "Gone:\n\n- 1 × Stalls\n- 2 × Box\n\nx\n",
        ),
        ('<p class="small" dir="auto">Order <strong>K7QW</strong>, <s>old</s></p>', "Order K7QW, old\n"),
        (
            '<p>See <a class="x" href="https://a.example/?a=1&amp;b=2">the page</a>.</p>',
            "See the page <https://a.example/?a=1&b=2>.\n",
        ),
        ('<p>Ask <a href="mailto:hello@a.example">hello@a.example</a>.</p>', "Ask hello@a.example.\n"),
        ("<p><bdi>بولا</bdi> writes</p>", "\u2068بولا\u2069 writes\n"),
        ("<p>NGN\u00a01,500.00</p>", "NGN\u00a01,500.00\n"),
        ("<p>&lt;b&gt;&amp;lt; &#34;x&#34; &#39;y&#39;</p>", "<b>&lt; \"x\" 'y'\n"),
        ("<table><tr><td>a</td></tr></table>", "a\n"),
    ],
)
def test_elements_become_lines(source: str, text: str) -> None:
    assert plain(source) == text
