"""`python -m balanced_bc VERB` is the command `balanced-bc VERB`.

Worker processes import the file of the program that started them, unless its name ends in `__main__`.
"""

from __future__ import annotations

from balanced_bc.cli import main

if __name__ == "__main__":
    main()
