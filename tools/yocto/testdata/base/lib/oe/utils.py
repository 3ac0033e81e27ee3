"""Small things."""


def read_file(path):
    """A file's text without its last line break; empty where there is none."""
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""
