# SPDX-License-Identifier: BSD-3-Clause
"""The text of the page about results, for jinja2; whatever is put in is escaped by the environment."""

from __future__ import annotations

from camera_relocalization_ros.report.pages.page import STYLE

PAGE = (
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Results: {{ title }}</title>
<style>
"""
    + STYLE
    + """
.numbers { overflow-x: auto; font-size: .8rem; margin-bottom: 1rem; }
.numbers td, .numbers th { padding: .25rem .4rem; text-align: right; }
img { max-width: 100%; } .numbers td + td { white-space: pre-line; overflow-wrap: normal; }
.numbers td:first-child, .numbers th:first-child { text-align: left; } td { overflow-wrap: normal; }
.baseline, .reference { color: #555; } .group td:first-child { padding-left: 1.5rem; }
.verdict ul { list-style: none; padding-left: 0; margin: .3rem 0 .6rem; }
.verdict li::first-letter { text-transform: uppercase; }
.verdict li { border-left: .4rem solid #009E73; padding: .2rem .6rem; margin: .2rem 0; }
.verdict li.bad { border-color: #D55E00; background: #fdeee4; }
p.warning { background: #fee8a6; padding: .5rem 1rem; } figure { margin: 1rem 0; } figcaption { font-size: .9rem; }
.flight { display: flex; flex-wrap: wrap; gap: 1rem; }
#flight { flex: 3 1 34rem; min-width: 0; height: 34rem; border: 1px solid #ccc; touch-action: none; cursor: crosshair; }
.frame { flex: 1 1 17rem; } #frame-picture { width: 100%; border: 1px solid #ccc; }
#frame-text { display: grid; grid-template-columns: auto 1fr; gap: .1rem .8rem; font-size: .9rem; }
#frame-text dt { color: #555; } #frame-text dd { margin: 0; overflow-wrap: anywhere; } #frame-slider { width: 100%; }
.worst { display: grid; grid-template-columns: repeat(auto-fill, minmax(27rem, 1fr)); gap: 1rem; }
.worst figure { margin: 0; } .worst img { width: 100%; } .key span { font-weight: bold; }
button, select { font: inherit; padding: .2rem .8rem; max-width: 100%; }
@media print {
  body { max-width: none; margin: 0; font-size: 11pt; } .no-print { display: none; } .numbers { font-size: 7.5pt; }
  .numbers td, .numbers th { padding: .1rem .2rem; } .frame { flex-basis: 14rem; }
  #flight { flex-basis: 22rem; height: 22rem; }
  figure, .flight, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } .worst { grid-template-columns: 1fr 1fr; }
}
</style>
</head>
<body>
<h1>How good are the poses? {{ title }}</h1>
{% for result in results %}
<div class="verdict"><b>{{ result.name }}</b>
<ul>{% for verdict in result.verdicts %}
<li class="{{ 'good' if verdict.is_good else 'bad' }}">{{ verdict.text }}</li>{% endfor %}</ul>
{% for line in result.summary %}{{ line }}<br>{% endfor %}</div>
{% for warning in result.warnings %}<p class="warning">{{ warning }}</p>{% endfor %}
{% endfor %}
{% for warning in warnings %}<p class="warning">{{ warning }}</p>{% endfor %}

<h2>The flight</h2>
<p class="key">Truth is the <span style="color:#009E73">green line</span>, estimates are
<span style="color:#D55E00">red marks</span>: a dot is OK, a hollow square DEGRADED, a cross LOST.
<span class="no-print" style="font-weight:normal">Move over a point to see its frame; drag to turn, drag with shift to
shift, scroll to zoom, arrow keys or the slider to step.</span></p>
<p class="no-print"><select id="result-chooser" aria-label="result"></select>
<button id="view-askew" type="button">askew</button> <button id="view-above" type="button">from above</button>
<button id="view-side" type="button">from the side</button></p>
<div class="flight">
<canvas id="flight" tabindex="0" aria-label="trajectory in space; pictures of it follow below"></canvas>
<div class="frame">
<canvas id="frame-picture" width="{{ 2 * sheets.width }}" height="{{ 2 * sheets.height }}"></canvas>
<input id="frame-slider" class="no-print" type="range" min="0" value="0" aria-label="frame">
<dl id="frame-text"></dl></div>
</div>

<h2>Numbers</h2>
{% for table in tables %}
<div class="numbers"><table>
<tr><th>{{ table.title }}</th>{% for column in table.columns %}<th>{{ column }}</th>{% endfor %}</tr>
{% for row in table.rows %}<tr class="{{ row.kind }}">
{% for cell in row.cells %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</table></div>
{% endfor %}
<p>The tables count estimates of any state, except that of OK estimates. False accepts: share of OK estimates with an
error beyond what OK promises. False rejects: share of estimates within both limits that are not OK. In parentheses:
95 % confidence interval, by a bootstrap over blocks of neighbouring frames, whose errors are alike, or, where none or
all of the estimates are below, by Clopper and Pearson; it cannot know what another flight or light would do.
5 cm/5 deg: share of estimates with both errors below. NEES: squared errors in units of their covariance; 6 is right for
the pose, 3 for position or orientation, more is overconfident.</p>
<figure><img alt="cumulative errors" src="{{ cumulative }}">
<figcaption>Share of estimates with an error of at most so much; grey: what needs no training.</figcaption></figure>

{% if results | selectattr("promise") | list %}
<h2>Does OK keep its promise?</h2>
{% for result in results if result.promise %}
<p><b>{{ result.name }}</b>: {{ result.promise.title }}.</p>
<div class="numbers promise"><table>
<tr>{% for column in result.promise.columns %}<th>{{ column }}</th>{% endfor %}</tr>
{% for row in result.promise.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
{% endfor %}
<p>Seen: the share of those estimates with both errors below. Neighbouring frames err alike, so a few hundred of one
flight neither prove nor refute 999 of 1000.</p>
{% endif %}
{% if reliability %}
<h2>Can its covariance be trusted?</h2>
<figure><img alt="reliability diagram" src="{{ reliability }}">
<figcaption>Above the diagonal a covariance is too large, below it is too small.</figcaption></figure>
{% endif %}

{% for result in results %}
<h2>{{ result.name }}</h2>
<p>{{ result.origin }}</p>
{% if result.times %}<p>{{ result.times }}</p>{% endif %}
{% for picture in result.pictures %}
<figure><img alt="{{ picture.alt }}" src="{{ picture.source }}"><figcaption>{{ picture.caption }}</figcaption></figure>
{% endfor %}
{% if result.worst %}<h3>Worst frames</h3>
<p>Left the object's {{ drawn }} where they truly are, right where the estimate says.</p>
<div class="worst">
{% for picture in result.worst %}<figure><img alt="" src="{{ picture.source }}">
<figcaption>{{ picture.caption }}</figcaption></figure>{% endfor %}
</div>{% endif %}
{% endfor %}

{% if extra %}<h2>Further pictures</h2>
{% for picture in extra %}
<figure><img alt="{{ picture.caption }}" src="{{ picture.source }}">
<figcaption>{{ picture.caption }}</figcaption></figure>
{% endfor %}{% endif %}
<script id="flight-data" type="application/json">{{ flight }}</script>
<script>{{ script }}</script>
</body>
</html>
"""
)
