"""What a command does with a lab: the effects around the pure flow, in their order."""
