"""Explaining a URL: which virtual host answers it, and which rendered lines decide that."""
