"""A hook of mkdocs.yml: links to files of the repository outside of docs/ lead to where the repository is shown.

Its address is mkdocs' own repo_url, which mkdocs.yml takes from REPOSITORY_URL; without one such links become plain
text.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#]*)(#[^)]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """The page's text, with links that leave docs/ replaced."""

    def outside(link: re.Match[str]) -> str:
        words, target, anchor = link[1], link[2], link[3] or ""
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page.file.src_uri), target))
        if path.startswith("docs/"):
            return link[0]
        return f"[{words}]({config.repo_url.rstrip('/')}/blob/main/{path}{anchor})" if config.repo_url else words

    return _LINK.sub(outside, markdown)
