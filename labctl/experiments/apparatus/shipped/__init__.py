"""Programs that run on the lab's machines: work comes in as JSON, results go out as JSON."""
