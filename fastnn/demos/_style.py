"""The style sheet of the gallery page: one column, larger on a desk, dark if the reader's is."""

CSS = """
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5b6570; --ground: #f6f7f8;
  --card: #fff; --line: #d9dee3; --link: #0b5cad; --good: #17703a; --bad: #b3261e; --none: #7a5b00 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #9aa5b0; --ground: #14171a;
  --card: #1d2125; --line: #363d44; --link: #7db7f2; --good: #6cc48b; --bad: #ff8a80;
  --none: #e0b84f } }
* { box-sizing: border-box }
body { max-width: 68rem; margin: 0 auto; padding: 1rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word }
h1, h2, h3 { line-height: 1.25; margin: 0 0 .5rem }
h2 { margin: 2.5rem 0 1rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line) }
p { margin: .5rem 0; max-width: 48rem }
a { color: var(--link) }
ul { margin: .5rem 0; padding: 0; list-style: none }
.counts { display: flex; flex-wrap: wrap; gap: .5rem }
.counts li { padding: .3rem .8rem; border: 1px solid; border-radius: 1rem }
.others li { margin: .3rem 0 }
.passed > span, .passed > .verdict b, .counts .passed { color: var(--good) }
.missed > span, .failed > span, .counts .missed, .counts .failed, .missed > .verdict b,
.failed > .verdict b, .reason, tr.missed { color: var(--bad) }
.left-out > span, .counts .left-out, .left-out > .verdict b, .left-out > .reason
  { color: var(--none) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: .9rem;
  color: var(--soft) }
dd { margin: 0 }
nav { columns: 20rem; column-gap: 2rem; font-size: .9rem; border-top: 1px solid var(--line);
  padding-top: 1rem }
nav div { margin-bottom: 1rem }
nav h3 { font-size: 1rem; break-after: avoid }
nav li { break-inside: avoid; margin: .3rem 0; padding-left: 1.2rem; text-indent: -1.2rem }
article { margin: 0 0 1.5rem; padding: 1rem; background: var(--card); border-radius: .5rem;
  border: 1px solid var(--line) }
article.missed, article.failed { border-color: var(--bad) }
.number { color: var(--soft); font-weight: normal }
.verdict, .small { font-size: .9rem }
details { margin: .5rem 0; font-size: .9rem }
summary { cursor: pointer; color: var(--link) }
figure { margin: 1rem 0; overflow-x: auto; background: #fff; border-radius: .3rem }
img { display: block; max-width: 100%; min-width: 50rem; height: auto; margin: 0 auto }
.table { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem; margin: .5rem 0 }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid var(--line) }
td:nth-child(2), th:nth-child(2) { text-align: right; font-variant-numeric: tabular-nums }
td:nth-child(n + 2) { white-space: nowrap }
tr.passed td:last-child { color: var(--good) }
tr.missed { font-weight: bold }
code { font-family: ui-monospace, monospace; font-size: .9em }
.again { display: flex; flex-wrap: wrap; justify-content: space-between; max-width: none }
.again code { padding: .3rem .6rem; background: var(--ground); border-radius: .3rem }
@media (max-width: 36rem) {
  body { padding: .5rem }
  article { padding: .75rem }
  table { width: 100% }
  tr { display: grid; grid-template-columns: 1fr 1fr 5.5rem; padding: .3rem 0;
    border-bottom: 1px solid var(--line) }
  tr:first-child { display: none } /* the heads: numbers stand under what they count */
  td { border: none; padding-top: 0; padding-bottom: 0 }
  td:first-child { grid-column: 1 / -1 }
  td:nth-child(2) { text-align: left }
}
"""
