"""See what a video action-recognition model sees, and whether that picture can be believed."""

__version__ = "0.1.0"
