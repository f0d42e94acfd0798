"""The host that labs run on: its addresses, ports and fitness."""
