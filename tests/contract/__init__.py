"""What every implementation of a port promises: one suite a noun, run against each of them."""
