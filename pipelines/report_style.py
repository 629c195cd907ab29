"""The report's style sheet: plain, readable on a phone and in the dark, one accent colour."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #fff; --ink: #24231f; --soft: #6b6860; --line: #e4e1da; --rest: #d3cfc6; --accent: #b9530f;
  --sans: system-ui, -apple-system, "Segoe UI", "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR",
    "Noto Sans CJK KR", NanumGothic, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #171614; --card: #1f1e1b; --ink: #e9e6df; --soft: #a29e94; --line: #35332e; --rest: #4a4740;
    --accent: #ef9a55; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 var(--sans);
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
main, header, footer { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 3.5rem; }
footer { padding: 3rem 1.25rem 4rem; color: var(--soft); font-size: .875rem; }
h1 { margin: 0 0 1.5rem; font-size: 2.25rem; line-height: 1.15; letter-spacing: -.02em; font-weight: 650; }
h2 { margin: 4.5rem 0 .5rem; font-size: 1.375rem; letter-spacing: -.01em; font-weight: 650; }
h3 { margin: 2.75rem 0 .125rem; font-size: 1rem; font-weight: 650; }
h3 span { color: var(--soft); font-weight: 400; }
p { margin: .25rem 0 1rem; max-width: 44rem; }
p.says, p.none, .unit, .legend { color: var(--soft); }
a { color: var(--accent); text-underline-offset: .15em; text-decoration-thickness: 1px; }
code { font: .8125rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.over { margin: 0 0 .25rem; color: var(--accent); font-size: .875rem; font-weight: 600; }
nav { margin: 2rem 0 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .9375rem; }
.figures { margin: 0 0 2rem; display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr));
  gap: 1.25rem; }
.figures div { border-top: 2px solid var(--line); padding-top: .5rem; }
.figures div:first-child { border-color: var(--accent); }
.figures dt { color: var(--soft); font-size: .875rem; }
.figures dd { margin: 0; font-size: 1.75rem; line-height: 1.2; font-weight: 600; letter-spacing: -.02em; }
.places { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 0; font-size: .9375rem; }
.places dt { color: var(--soft); }
.places dd { margin: 0; min-width: 0; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: middle; font-weight: 400; }
th.number, td.number { text-align: right; white-space: nowrap; padding-right: 0; padding-left: .75rem; width: 1%; }
thead th { color: var(--soft); font-size: .8125rem; }
.funnel { font-size: .9375rem; }
.funnel tbody tr:first-child > * { border-top: 1px solid var(--line); padding-top: .9rem; font-weight: 600; }
.funnel tbody tr:last-child > * { padding-bottom: .9rem; }
.funnel tbody th { width: 16rem; }
.funnel tr.reason th { padding-left: 1.25rem; }
.funnel tr.reason a { color: inherit; text-decoration-color: var(--rest); }
.funnel tfoot > tr > * { border-top: 2px solid var(--line); padding-top: .9rem; font-weight: 600; }
.bar { white-space: nowrap; font-size: 0; line-height: 0; }
.bar i { display: inline-block; height: .75rem; min-width: 1px; }
.bar i.kept { background: var(--accent); }
.bar i.rest { background: var(--rest); }
.bad { color: var(--accent); font-weight: 650; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: 1.25rem;
  margin-top: 1.5rem; align-items: start; }
figure { margin: 0; }
.chart { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem;
  font-size: .875rem; }
.chart figcaption { margin-bottom: .5rem; }
.chart.wide { grid-column: span 2; }
.chart svg { display: block; width: 100%; height: auto; }
.chart .legend { margin: .5rem 0 0; font-size: .8125rem; }
.legend b { font-weight: 600; color: var(--ink); }
.of-kept::before, .of-others::before { content: ""; display: inline-block; width: .7em; height: .7em;
  margin-right: .4em; background: var(--accent); }
.of-others { margin-left: 1rem; }
.of-others::before { background: none; border: 1.5px solid var(--soft); }
svg .kept { fill: var(--accent); }
svg .others { fill: none; stroke: var(--soft); stroke-width: 1.25; }
svg .axis { stroke: var(--soft); stroke-width: 1; }
svg .level { stroke: var(--line); stroke-width: 1; }
svg text { fill: var(--soft); font-size: 10px; }
svg .tick { text-anchor: middle; }
svg .level-text { text-anchor: end; }
svg .hover { fill: transparent; }
svg .hover:hover { fill: var(--ink); fill-opacity: .06; }
table.bars { font-size: .8125rem; }
table.bars th[scope=row] { width: 40%; max-width: 10rem; }
table.bars td.bar { width: 40%; padding-right: 0; }
.key { color: var(--soft); font-size: .8125rem; }
.key span { margin-left: .9em; white-space: nowrap; }
.key i { display: inline-block; width: .75em; height: .75em; margin-right: .4em; vertical-align: -.05em; }
.fields { columns: 19rem; column-gap: 1.25rem; margin-top: 1.5rem; }
.field { break-inside: avoid; margin-bottom: 1.25rem; }
.field rect, .key i { fill: var(--accent); background: var(--accent); }
.field rect.c1, .key .c1 { opacity: .38; }
.field rect.c2, .key .c2 { opacity: .58; }
.field rect.c3, .key .c3 { opacity: .8; }
.field rect:hover { fill: var(--ink); opacity: 1; }
.field path.c0 { fill: none; stroke: var(--line); stroke-width: 9; stroke-dasharray: 9 1; }
.key .c0 { background: var(--line); }
.named, .missing { margin: .75rem 0 0; line-height: 1.5; word-break: keep-all; }
.named span, .missing span { display: inline-block; margin-right: .7em; }
.named small { color: var(--soft); font-size: .6875rem; font-weight: 400; margin-left: .2em; }
.named .w2 { font-size: 1rem; }
.named .w3 { font-size: 1.25rem; font-weight: 600; }
.named .w4 { font-size: 1.625rem; font-weight: 650; }
.missing { color: var(--soft); font-size: .8125rem; border-top: 1px solid var(--line); padding-top: .6rem; }
.missing::before { content: "None yet: "; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.75rem, 1fr)); gap: 1.75rem 1.25rem;
  margin-top: 1.25rem; }
.sheet.pairs { grid-template-columns: repeat(auto-fill, minmax(min(100%, 20.5rem), 1fr)); }
.sheet.texts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 16rem), 1fr)); gap: 1.25rem; }
.sheet figure { font-size: .875rem; line-height: 1.45; min-width: 0; }
.sheet .pictures { display: flex; gap: .5rem; margin-bottom: .5rem; }
.sheet .pictures span { position: relative; display: flex; align-items: center; justify-content: center; flex: 1 1 0;
  min-width: 0; aspect-ratio: 1; border: 1px solid var(--line); border-radius: .375rem; background: var(--card);
  overflow: hidden; }
.sheet img { display: block; max-width: 100%; max-height: 100%; width: auto; height: auto; }
.sheet .pictures span + span::after { content: "kept"; position: absolute; left: .25rem; bottom: .25rem;
  padding: 0 .4em; border-radius: .2rem; background: var(--accent); color: var(--card); font-size: .75rem; }
.sheet .pictures .unseen { color: var(--soft); font-size: .8125rem; border-style: dashed; padding: .75rem;
  text-align: center; }
.sheet .caption { margin: 0 0 .25rem; max-height: 8.7em; overflow: hidden; }
.sheet.texts figure { border-left: 2px solid var(--line); padding-left: .875rem; }
.sheet small { display: block; color: var(--soft); font-size: .75rem; line-height: 1.5; }
.sheet small code { font-size: .75rem; }
@media (max-width: 40rem) {
  h1 { font-size: 1.75rem; }
  .chart.wide { grid-column: auto; }
  .funnel tbody th { width: auto; }
  .funnel tr.reason th { padding-left: .75rem; }
  .funnel td.bar { width: 22%; }
  .sheet { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.5rem .875rem; }
  .places { grid-template-columns: 1fr; }
  .places dd { margin-bottom: .5rem; }
}
@media print { nav { display: none; } .chart, .sheet figure { break-inside: avoid; } }
""".strip()
"""CSS for the head of the page. It names no file and no address, so that the page stays whole in one piece."""
