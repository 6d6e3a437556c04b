"""Renders Markdown as GitHub does, and says what came of it.

Reads {name: markdown} as JSON, and writes {name: {html, tags, links, outside, wrong}}: the tags with their attributes, the
links with their words, the text outside of code, and what is not closed as it was opened.
"""

import json
import sys
from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options

VOID = {"br", "hr", "img", "input"}


class Looked(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.links, self.outside, self.wrong = [], set(), [], "", []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs if name != "align"]
        self.tags.add(" ".join([tag, *sorted(names)]))
        if tag == "a":
            self.links.append([dict(attrs).get("href"), ""])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes what was not open")

    def handle_comment(self, data):
        self.tags.add("comment")

    def handle_data(self, data):
        if "a" in self.open:
            self.links[-1][1] += data
        if "code" not in self.open:
            self.outside += data


looked_at = {}
for name, text in json.load(sys.stdin).items():
    options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_GITHUB_PRE_LANG
    html = cmarkgfm.github_flavored_markdown_to_html(text, options)
    looked = Looked()
    looked.feed(html)
    looked.close()
    looked.wrong += [f"<{tag}> is left open" for tag in looked.open]
    looked_at[name] = {
        "html": html,
        "tags": sorted(looked.tags),
        "links": looked.links,
        "outside": looked.outside,
        "wrong": looked.wrong,
    }
json.dump(looked_at, sys.stdout)
