"""Every file of the catalogue: the AsyncAPI document, the HTML pages, and each type's schema and example."""

import json

from simpul_schemas.catalogue.asyncapi import asyncapi_yaml
from simpul_schemas.catalogue.examples import accepted_examples
from simpul_schemas.catalogue.html import pages
from simpul_schemas.contract import EVENT_TYPES


def catalogue_files() -> dict[str, str]:
    """Return the text of every file by its path, or raise `InvalidEvent` where an example is broken."""
    examples = accepted_examples()
    return {
        "asyncapi.yaml": asyncapi_yaml(examples),
        **pages(examples),
        **{f"examples/{name}.json": f"{example.text}\n" for name, example in examples.items()},
        **{
            f"schemas/{name}.avsc": json.dumps(json.loads(kind.schema), ensure_ascii=False, indent=2) + "\n"
            for name, kind in EVENT_TYPES.items()
        },
    }
