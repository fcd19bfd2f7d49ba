"""The private routes: parsing, one call into a service, and the shape of its answer."""
