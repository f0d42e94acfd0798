"""The picture of a lab, as SVG."""
