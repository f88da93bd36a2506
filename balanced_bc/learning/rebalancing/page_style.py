"""How the page looks: light and dark, on a phone and on paper."""

STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: light-dark(#555, #aaa); --warn: light-dark(#b23c00, #ff9d5c);
  --share: #8889; --alpha: #0072B2; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.2; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; } h3 { font-size: 1rem; }
p, li { max-width: 46rem; } .quiet { color: var(--quiet); font-size: .875rem; }
.warnings { border-left: 4px solid var(--warn); padding: .5rem 1rem .5rem 2rem; margin: 1rem 0; }
.quiet + .scroll { margin-top: -.4rem; } .scroll { overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { vertical-align: bottom; white-space: normal; font-weight: 600; }
tr > :first-child { text-align: left; position: sticky; left: 0; background: Canvas; }
td.words { text-align: left; white-space: normal; min-width: 8rem; }
td.bars { width: 12rem; min-width: 8rem; padding: .3rem 0; }
.bar { display: block; height: .45rem; position: relative; print-color-adjust: exact; }
.bar.share { background: var(--share); } .bar.alpha { background: var(--alpha); }
.bar i { position: absolute; top: 45%; height: 2px; background: CanvasText; }
.key { display: inline-block; width: 1.2rem; height: .6rem; margin: 0 .3rem 0 .8rem; print-color-adjust: exact; }
.heat td { text-align: center; print-color-adjust: exact; }
.heat small { display: block; color: inherit; opacity: .75; }
.b1 { background: #d55e0026; } .b2 { background: #d55e0055; }
.b3 { background: #d55e0088; } .b4 { background: #d55e00bb; }
.g1 { background: #0072b226; } .g2 { background: #0072b255; }
.g3 { background: #0072b288; } .g4 { background: #0072b2bb; }
.beside { display: flex; flex-wrap: wrap; gap: 0 2rem; } .beside > div { max-width: 100%; }
.beside p { max-width: 24rem; }
figure { margin: .5rem 0; } svg { width: 100%; height: auto; max-width: 44rem; } svg text { font-family: inherit; }
summary { cursor: pointer; color: var(--quiet); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: .875rem; } dd { margin: 0; }
dd { overflow-wrap: anywhere; }
@media print { html { font-size: 62.5%; } body { max-width: none; font-size: 1rem; } p, li { max-width: none; }
  section, tr { break-inside: avoid-page; } th, td { padding: .1rem .3rem; white-space: normal; }
  tr > :first-child { position: static; } td.bars { width: 6rem; min-width: 4rem; }
  table { font-size: .8rem; } .scroll { overflow: visible; }
  details::details-content { content-visibility: visible; block-size: auto; } }
"""
