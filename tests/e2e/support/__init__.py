"""What the end-to-end tests share: labs of their own, real clients, load."""
