"""Files of any common format, wherever they lie."""
