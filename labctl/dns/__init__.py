"""DNS: what stands in a lab's zones, in which form, and how it is signed. Pure."""
