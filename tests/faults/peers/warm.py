"""Imports what takes long, waits for a line on stdin, and only then becomes the program it was started for.

python warm.py MODULE,MODULE... SCRIPT|MODULE ARGUMENT...: the next process is ready when the one before it is killed.
"""

import importlib
import runpy
import sys

first, program, *arguments = sys.argv[1:]
for module in first.split(","):
    importlib.import_module(module)
if not sys.stdin.readline():
    sys.exit("whoever started this has gone")
sys.argv = [program, *arguments]
if program.endswith(".py"):
    runpy.run_path(program, run_name="__main__")
else:
    runpy.run_module(program, run_name="__main__", alter_sys=True)
