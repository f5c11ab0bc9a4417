"""What is said when a run folder is not what it should be."""

__all__ = ["RunError"]


class RunError(ValueError):
    """A run folder that cannot be read or written; the message says why."""
