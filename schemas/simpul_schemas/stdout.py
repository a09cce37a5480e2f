"""What a command hands to programs: one JSON document on stdout; words for people go to stderr."""

import json
import sys


def print_json(document: object) -> None:
    """Print a document, indented for eyes and with every letter as it is; what JSON does not know is told as text."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")
