import os
import platform
import subprocess
import sys

import pytest

#: Prints how many heaps glibc has when eight threads hold memory at once; `before` runs ahead of them.
COUNT_HEAPS = """
import ctypes, threading
{before}
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
everyone = threading.Barrier(8)
def work():
    libc.malloc(1 << 12)
    everyone.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, file)
libc.fflush(file)
"""
SHARE = "from simpul_processors.heap import share_one_heap; share_one_heap()"

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has heaps of threads")


def heaps(before: str, **settings: str) -> int:
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    command = [sys.executable, "-c", COUNT_HEAPS.format(before=before)]
    found = subprocess.run(command, env=environment | settings, capture_output=True, text=True, check=True)
    return found.stdout.count("<heap nr=")


def test_threads_have_one_heap_where_they_had_several() -> None:
    assert heaps("") > 1
    assert heaps(SHARE) == 1


def test_it_holds_for_a_worker_with_all_that_it_imports() -> None:
    assert heaps(f"{SHARE}; import simpul_processors.app") == 1
    assert heaps(f"import simpul_processors.app; {SHARE}") > 1  # too late: threads have begun


def test_an_operators_own_setting_stands() -> None:
    assert heaps(SHARE, MALLOC_ARENA_MAX="3") == 3
