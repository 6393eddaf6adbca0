"""Pure values and rules of the memory server: no input, output, clock or environment."""
