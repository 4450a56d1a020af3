"""The look of a page: colours for light and dark, type, tables, figures, and how it prints.

Colours are variables, which charts use too (`chart.CSS_COLOURS`); every text colour has a contrast of 4.5:1 or more.
"""

from __future__ import annotations

CSS = """
:root{color-scheme:light dark;--paper:#fdfdfb;--card:#f4f4f1;--ink:#1b1f24;--muted:#59626d;--rule:#d9dce0;
--s1:#0069ab;--s2:#bb4700;--s3:#00745a;--s4:#94397a;--s5:#6e5f00;--s6:#4a5560}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--card:#1d2226;--ink:#e8eaec;--muted:#a3adb8;--rule:#363d44;
--s1:#6bbcf2;--s2:#ff9a5c;--s3:#45cfa4;--s4:#e79bcb;--s5:#d9c84a;--s6:#b5c0cc}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:3.4rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:1.0625rem/1.6 system-ui,-apple-system,"Segoe UI",sans-serif}
main,header,footer{max-width:78rem;margin:0 auto;padding:0 clamp(1rem,4vw,2.5rem)}
header{padding-top:clamp(1.2rem,2.6vw,2rem)}
.study{margin:0;color:var(--muted);font-size:.92rem;letter-spacing:.01em}
h1{font-size:clamp(1.5rem,2.75vw,1.95rem);line-height:1.18;letter-spacing:-.017em;margin:.1em 0 .35em;font-weight:650;
text-wrap:balance}
h2{font-size:1.4rem;line-height:1.25;margin:3.4rem 0 .6rem;padding-top:1.1rem;border-top:1px solid var(--rule)}
nav+section h2{border-top:0;margin-top:1.2rem}
h3{font-size:1.08rem;line-height:1.35;margin:2.2rem 0 .5rem}
p,li{max-width:68ch;overflow-wrap:break-word}
a{color:var(--s1)}
a:focus-visible,summary:focus-visible,.wide:focus-visible{outline:2px solid var(--s1);outline-offset:2px}
nav{position:sticky;top:0;z-index:5;background:var(--paper);border-bottom:1px solid var(--rule);margin-top:1.6rem}
nav ul{display:flex;gap:0 1.15rem;list-style:none;padding:0;margin:0;font-size:.86rem;overflow-x:auto;
scrollbar-width:none}
nav ul::-webkit-scrollbar{display:none}
nav li{flex:none}
nav a{display:block;padding:.6rem 0;color:var(--muted);text-decoration:none}
nav a:hover{color:var(--ink);text-decoration:underline}
.finding{font-size:1.12rem;line-height:1.45;max-width:74ch}
.note,figcaption,caption{color:var(--muted);font-size:.92rem;line-height:1.45}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.2rem 2.5rem}
figure{margin:1rem 0;min-width:0}
.chart{max-width:34rem}
@media (min-width:64rem){:is(section,.part)>.chart{max-width:none;display:grid;grid-template-columns:34rem 1fr;
gap:2.5rem;align-items:start}
:is(section,.part)>.chart figcaption{padding-top:1.2rem}}
.chart svg{display:block;width:100%;height:auto;overflow:visible;color:var(--ink)}
figcaption{margin-top:.4rem;max-width:68ch}
.wide{overflow-x:auto;margin:1rem 0;-webkit-overflow-scrolling:touch}
table{border-collapse:separate;border-spacing:0;font-size:.9rem;line-height:1.35;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.5rem;min-width:min(44ch,calc(100vw - 2*clamp(1rem,4vw,2.5rem)));
 max-width:min(68ch,calc(100vw - 2*clamp(1rem,4vw,2.5rem)))}
th,td{padding:.38rem .5rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--rule);vertical-align:top}
thead th{font-weight:600;border-bottom:1.5px solid var(--ink);vertical-align:bottom}
thead th[colspan]{text-align:center;border-bottom:1px solid var(--rule)}
th:first-child{text-align:left;padding-left:0}
.wide tbody th{font-weight:500;position:sticky;left:0;background:var(--paper)}
@media (max-width:40rem){.wide tbody th{white-space:normal;min-width:7.5rem;overflow-wrap:break-word}}
td small{color:var(--muted);font-size:.86em}
.text{text-align:left}
.long{white-space:normal;min-width:14rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(clamp(6.2rem,10vw,8.4rem),1fr));
gap:.7rem .6rem;margin:.4rem 0 1.6rem}
.tiles figure{margin:0}
.tiles img{display:block;width:100%;height:auto;border-radius:3px;background:#000}
.tiles figcaption{font-size:.78rem;line-height:1.3;margin-top:.25rem;overflow-wrap:anywhere;color:var(--ink)}
.tiles b{font-weight:600}
pre{overflow-x:auto;background:var(--card);padding:1rem;font-size:.82rem;line-height:1.45;border-radius:6px}
code{overflow-wrap:anywhere;font-size:.9em}
details{margin:.35rem 0;max-width:100%}
summary{cursor:pointer;padding:.35rem 0;color:var(--s1);font-size:.97rem;width:fit-content;max-width:100%}
details[open]>summary{color:var(--ink);font-weight:600}
dl{margin:0;columns:2 26rem;column-gap:2.5rem;font-size:.95rem;line-height:1.45}
dl>div{break-inside:avoid;padding:.3rem 0}
dt{font-weight:600;display:inline}
dd{display:inline;margin:0 0 0 .5em;color:var(--muted)}
.flow{list-style:none;margin:1rem 0;padding:0;font-size:.92rem;line-height:1.35}
.flow>li{max-width:none;display:flex;flex-wrap:wrap;gap:.5rem 1.4rem;align-items:center;position:relative}
.flow>li+li{margin-top:.35rem;padding-top:1.5rem}
.flow>li+li::before{content:"↓" / "";position:absolute;top:0;left:1.6rem;color:var(--muted);line-height:1.5rem}
.flow .box{display:block;border:1px solid var(--rule);border-radius:6px;background:var(--card);padding:.45rem .8rem;
flex:0 1 auto;min-width:7.5rem}
.flow .box strong{font-variant-numeric:tabular-nums}
.flow .box:not(:only-of-type){flex:1 1 11rem;max-width:17rem}
.flow .box small{display:block;color:var(--muted);font-size:.86rem}
.flow .aside{border-left:2px solid var(--rule);padding-left:.7rem;color:var(--muted);max-width:46ch;
flex:1 1 16ch;font-style:normal}
.on-paper{display:none}
footer{padding-top:3rem;padding-bottom:3rem;color:var(--muted);font-size:.9rem}
"""
FIRST_SCREEN = """
.first{margin-top:-.1rem}
.lead{font-size:1.12rem;line-height:1.42;margin:0 0 .7rem;max-width:100ch}
.lead strong{font-weight:650}
@media (min-width:60rem){.lead strong{white-space:nowrap}}
.first .note{font-size:.8rem;line-height:1.4;margin:.55rem 0 0;max-width:none}
.limits{margin:.55rem 0 0;padding:0;list-style:none;font-size:.95rem;line-height:1.42}
.limits li{max-width:none;margin:.12rem 0}
.verdicts{width:100%;font-size:.9rem;table-layout:auto;border-bottom:1px solid var(--rule)}
.verdicts th,.verdicts td{white-space:normal;text-align:left;vertical-align:middle;padding:.3rem 1.1rem .3rem 0;
border-bottom:0;border-top:1px solid var(--rule)}
.verdicts thead th{border:0;vertical-align:bottom;font-weight:500;font-size:.8rem;color:var(--muted);
padding-bottom:.3rem}
.verdicts .model{width:13.2rem}
.verdicts .said{width:15.5rem}
.verdicts .accuracy{width:10.4rem}
.verdicts .films{width:calc(3*var(--film) + 8px);min-width:calc(3*var(--film) + 8px);
padding-right:0}
.verdicts .place+.films{padding-left:1.2rem}
.verdicts .place{position:relative;padding:0;min-width:15rem}
.verdicts thead .place{padding-bottom:0}
.verdicts .place>svg{display:block;overflow:visible}
.verdicts td.place>svg{position:absolute;inset:0}
.verdicts .accuracy{padding-left:1.2rem}
.verdicts svg svg{overflow:visible}
.verdicts .name{display:block;font-weight:650;font-size:1rem;line-height:1.25;overflow-wrap:anywhere}
.sees,.why{display:block;color:var(--muted);font-weight:400;font-size:.8rem;line-height:1.32;text-wrap:balance}
.why b{color:var(--ink);font-weight:600}
.why.sign,.why.sign b{color:var(--s2);font-weight:500}
.why.sign b{font-weight:700}
.big{display:block;font-size:1.35rem;line-height:1.15;font-weight:600;letter-spacing:-.01em}
.chip{display:inline-flex;align-items:center;gap:.4rem;font-weight:700;font-size:1.12rem;line-height:1.3;
padding:.05rem .65rem .05rem .4rem;margin:0 0 .22rem -.1rem;border-radius:99px;color:var(--mark);
background:color-mix(in srgb,var(--mark) 8%,transparent)}
.yes{--mark:var(--s3)}.no{--mark:var(--s2)}.prior{--mark:var(--s2)}.open{--mark:var(--s6)}.control{--mark:var(--muted)}
.chip svg *,.mark *{fill:var(--mark);stroke:var(--mark);stroke-width:1}
.chip.no svg *,.scale.no .mark *{fill:none;stroke-width:3.2;stroke-linecap:round}
.chip svg .hollow,.mark .hollow{fill:var(--paper);stroke-width:2.4}
.bar{fill:color-mix(in srgb,var(--mark) 34%,transparent)}
.reach{stroke:var(--mark);stroke-width:1.8}
.scale text,.axis text{fill:var(--muted);font-size:12px;font-weight:400}
.scale .number{fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:3.5px;stroke-linejoin:round;
font-size:12px;font-variant-numeric:tabular-nums}
.strong{font-weight:700;fill:var(--ink)}
.zero{stroke:var(--ink);stroke-width:1.2}
.one{stroke:var(--muted);stroke-width:1.2;stroke-dasharray:2 3}
.narrow{display:none}
.strip{display:grid;grid-template-columns:repeat(3,minmax(0,var(--film)));gap:4px}
.verdicts{--film:5.6rem}
.verdicts.many{--film:2.8rem}
.strip img{display:block;width:100%;aspect-ratio:1;object-fit:cover;border-radius:3px;background:#000}
.verdicts .control{color:var(--muted);font-size:.84rem}
.verdicts .control th{font-weight:400}
.verdicts .control td,.verdicts .control th{padding-top:.28rem;padding-bottom:.28rem;height:1.9rem}
.verdicts.many .name{font-size:.94rem}
.verdicts.many .chip{font-size:.92rem;margin-bottom:0}
.verdicts.many .sees{font-size:.75rem;line-height:1.25}
.verdicts.many .said .why{display:inline;margin-left:.4rem}
.verdicts.many .big{display:inline;font-size:1.05rem}
.verdicts.many .accuracy .why{display:inline;margin-left:.45rem}
.verdicts.many th,.verdicts.many td{padding-top:.2rem;padding-bottom:.2rem}
@media screen and (max-width:60rem){
.verdicts,.verdicts tbody{display:block}
.verdicts thead{display:none}
.verdicts,.verdicts.many{--film:1fr;border:0}
.verdicts tr{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:.1rem 1rem;padding:.8rem 0;
border-top:1px solid var(--rule)}
.verdicts th,.verdicts td,.verdicts .control td,.verdicts .control th{display:block;
border:0;padding:0;width:auto;height:auto}
.verdicts .model{grid-column:1}
.verdicts .accuracy{grid-column:2;grid-row:1;text-align:right;max-width:10rem;padding:0}
.verdicts .said,.verdicts .place,.verdicts .place+.films,.verdicts .films{grid-column:1/-1;width:auto;min-width:0;
padding:0}
.verdicts td.place{height:4.9rem;margin:.2rem 0;min-width:0}
.verdicts .control td.place{height:2.6rem}
.verdicts .control .said:empty,.verdicts .control .accuracy,.verdicts .films:empty{display:none}
.narrow{display:inline}
.control .narrow{display:none}
}
@media screen and (min-width:40rem) and (max-width:60rem){.verdicts .films{max-width:24rem}}
"""
# What is folded is not printed, but for what a reader opened: a print of the fresh page is figures and paragraphs.
PRINT = """
@media print{
@page{size:A4;margin:14mm 13mm 15mm}
:root{color-scheme:light;--paper:#fff;--card:#f6f6f4;--ink:#000;--muted:#444;--rule:#bbb;
--s1:#0069ab;--s2:#bb4700;--s3:#00745a;--s4:#94397a;--s5:#6e5f00;--s6:#4a5560}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
html{scroll-behavior:auto;font-size:10.5px}
body{font-size:9.5pt;line-height:1.45}
main,header,footer{max-width:none;padding:0}
header{padding-top:0}
nav,.on-screen{display:none}
.on-paper{display:inline}
h1{font-size:17pt}
h2{font-size:13pt;margin:1.7em 0 .4em;padding-top:.7em}
h3{font-size:10.5pt;margin:1.2em 0 .3em}
h2,h3,summary{break-after:avoid}
p,li{max-width:none;orphans:3;widows:3}
a{color:inherit;text-decoration:none}
figure,tr,img,svg,.chart,.wide,.tiles,dl>div{break-inside:avoid}
caption{break-after:avoid}
thead{display:table-header-group}
.chart,section>.chart,.part>.chart{display:block;max-width:13cm}
.charts{grid-template-columns:1fr 1fr;gap:.5rem 1rem}
.wide{overflow:visible}
.wide table{font-size:7.2pt;max-width:100%}
.wide th,.wide td{padding:.16rem .3rem;white-space:normal}
.wide tbody th,.wide thead th{position:static}
.tiles{grid-template-columns:repeat(7,1fr)}
pre{white-space:pre-wrap;font-size:7pt;padding:.5rem}
.verdicts{--film:1.5cm;font-size:7.5pt}
.verdicts .model{width:3.2cm}
.verdicts .said{width:3.7cm}
.verdicts .accuracy{width:2.1cm;padding-left:.3cm}
.verdicts .place{min-width:3.5cm}
.scale text,.axis text,.scale .number{font-size:8.5px}
details:not([open]){display:none}
summary{list-style:none;color:inherit;font-weight:600}
footer{padding:1rem 0 0}
}
"""
