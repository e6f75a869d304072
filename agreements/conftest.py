from contracts.conftest import issued, signed

__all__ = ["issued", "signed"]
