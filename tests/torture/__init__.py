"""The reliability rows at any size: small in the tests, in full by ``make torture``."""
