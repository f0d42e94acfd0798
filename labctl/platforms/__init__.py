"""Platforms: how services are placed on machines and networks."""
