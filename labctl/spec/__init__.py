"""The lab file: YAML with positions → typed specification, with every problem at once."""
