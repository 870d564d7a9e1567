"""vl-convert alone: the Vega-Lite specification is a dict."""

import vl_convert


def shown(labels, values, colours):
    return {
        "title": "Rows by verdict",
        "description": "3 verdicts",
        "data": {"values": [{"label": a, "value": b} for a, b in zip(labels, values, strict=True)]},
        "mark": "bar",
        "encoding": {
            "x": {"field": "value", "type": "quantitative"},
            "y": {"field": "label", "type": "nominal"},
            "color": {
                "field": "label",
                "type": "nominal",
                "scale": {"domain": labels, "range": colours},
                "legend": None,
            },
        },
    }


def draw(labels, values, colours):
    return vl_convert.vegalite_to_svg(shown(labels, values, colours))
