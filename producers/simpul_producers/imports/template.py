"""Writing of a template: an XLSX that a clerk fills in, made from the contract."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from xlsxwriter.exceptions import XlsxWriterException

from simpul_producers.errors import RegionNotForTemplate, WorkbookNotWritable
from simpul_producers.imports.forms import Form, form_of
from simpul_producers.imports.sheets import Book, Heading
from simpul_schemas.regions import Level, load_regions


def write_template(path: Path, event_type: str, scope: str) -> Form:
    """Write the template of an event type, and return its form.

    `scope` is the province or kabupaten/kota whose regions the dropdown offers, or empty. Raises `UnknownEventType`,
    `RegionNotForTemplate` or `WorkbookNotWritable`.
    """
    form = form_of(event_type)
    region = load_regions().get(scope)
    if scope and (region is None or region.level not in {Level.PROVINCE, Level.REGENCY}):
        raise RegionNotForTemplate(scope)
    with writing(path) as partial:
        book = Book(str(partial), form, scope)
        book.data_sheet([Heading(column.title, column.name) for column in form.columns])
        book.guide()
        book.seal()
        book.workbook.close()
    return form


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a place beside a file to write to, and put it there when it is whole; raises `WorkbookNotWritable`."""
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except (OSError, XlsxWriterException) as error:
        detail = getattr(error, "strerror", None) or str(error)
        raise WorkbookNotWritable(path, detail) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
