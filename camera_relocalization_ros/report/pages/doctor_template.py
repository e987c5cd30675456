# SPDX-License-Identifier: BSD-3-Clause
"""The text of the doctor's page, for jinja2; whatever is put in is escaped by the environment."""

from __future__ import annotations

from camera_relocalization_ros.report.pages.page import STYLE

PAGE = (
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Doctor: {{ name }}</title>
<style>
"""
    + STYLE
    + """td.level { width: 4rem; font-weight: bold; text-align: center; }
.OK { background: #d9f0d3; } .LOOK { background: #fee8a6; } .BAD { background: #b2182b; color: white; }
p.verdict { font-size: 1.25rem; padding: .7rem 1rem; }
img { max-width: 100%; } .worst img { width: 15rem; display: block; }
.worst { display: flex; flex-wrap: wrap; gap: 1rem; font-size: .85rem; } .worst figure { margin: 0; }
td.check { white-space: nowrap; font-weight: bold; } td { overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>Is {{ name }} fit for training?</h1>
<p class="verdict {{ level }}"><b>{{ level }}</b>: {{ verdict }}</p>
<p>{{ facts }}</p>
<table>
{% for finding in findings %}
<tr><td class="level {{ finding.level }}">{{ finding.level }}</td><td class="check">{{ finding.check }}</td>
<td>{{ finding.sentence }}</td></tr>
{% endfor %}
</table>

<h2>Where to fly next</h2>
{% if suggestions %}
<ol>{% for sentence in suggestions %}<li>{{ sentence }}</li>{% endfor %}</ol>
<p>The numbers are those in the pictures. Only places between those flown are named: what lies outside may be a wall.
{% if is_around_object %}In front is +x, left is +y of {{ parent }}; z is the height over its origin.
{% else %}The axes are those of {{ parent }}.
{% endif %}</p>
{% else %}
<p>Nothing is missing between the places that were flown.</p>
{% endif %}
<img alt="cameras from above and from the side" src="{{ pictures.places }}">
<img alt="images by direction and distance" src="{{ pictures.directions }}">

<h2>Gaps, and poses that repeat or jump</h2>
{% if "time" in pictures %}<img alt="frames over time, speeds and turn rates" src="{{ pictures.time }}">
{% else %}<p>Photographs have no times.</p>
{% endif %}
{% if skipped %}<p>Frames left out when the data set was made:</p>
<table>{% for reason, count in skipped %}<tr><td>{{ count }}</td><td>{{ reason }}</td></tr>
{% endfor %}</table>{% endif %}
{% if places %}<ul>{% for place in places %}<li>{{ place }}</li>{% endfor %}</ul>{% endif %}

<h2>Blur and exposure</h2>
<img alt="sharpness and brightness of each image" src="{{ pictures.images }}">
{% if worst %}<div class="worst">
{% for picture in worst %}<figure><img alt="" src="{{ picture.source }}"><figcaption>{{ picture.caption }}</figcaption>
</figure>{% endfor %}
</div>{% endif %}

<h2>Splits</h2>
{% if parts %}<table>{% for part, sentence in parts %}<tr><td class="check">{{ part }}</td><td>{{ sentence }}</td></tr>
{% endfor %}</table>
<p>The oracle answers with the training pose nearest to the true one, without looking at the image. Where a part leaks,
no result means anything unless it is well below the oracle's.</p>
{% else %}<p>There is no split yet.</p>{% endif %}

<h2>Sequences</h2>
<table><tr><th>name</th><th>frames</th><th>seconds</th></tr>
{% for row in sequences %}<tr><td>{{ row.name }}</td><td>{{ row.frames }}</td><td>{{ row.seconds }}</td></tr>
{% endfor %}
</table>
</body>
</html>
"""
)
