"""What exporters say when something cannot be written."""


class ExportError(ValueError):
    """A network that cannot be exported; the message says what to do about it."""
