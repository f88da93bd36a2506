"""The command `balanced-bc`: every step of the day without ROS.

A verb is a function; its arguments and their descriptions become the options.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

import tyro
from rich.console import Console

from balanced_bc import __version__
from balanced_bc.errors import BalancedBCError
from balanced_bc.options import UsageError, expanded
from balanced_bc.printing import print_text
from balanced_bc.verbs.balance import balance
from balanced_bc.verbs.collect import collect
from balanced_bc.verbs.demo import demo
from balanced_bc.verbs.evaluate import evaluate
from balanced_bc.verbs.explain import explain
from balanced_bc.verbs.inspect import inspect
from balanced_bc.verbs.tag import tag
from balanced_bc.verbs.train import train
from balanced_bc.verbs.watch import watch

FROM_FILE = "With --config FILE.yaml options come from a file; those on the command line override them."

VERBS: dict[str, Callable[..., None]] = {
    verb.__name__: verb for verb in (collect, inspect, tag, balance, explain, train, evaluate, watch, demo)
}

RESUMING = ("collect", "balance", "train", "evaluate", "demo")
"""Verbs that go on where they were interrupted."""


def usage() -> str:
    """The verbs, a line each."""
    lines = (f"  {name:<10}{(verb.__doc__ or '').splitlines()[0]}" for name, verb in VERBS.items())
    return "\n".join(
        (
            f"balanced-bc {__version__}: teach a robot every behavior that its demonstrations hold.",
            "",
            *lines,
            "",
            "balanced-bc VERB --help lists the options of a verb.",
            FROM_FILE,
        )
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb; exit with 0 only when all of it was done."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print_text(usage())
        sys.exit(0 if words else 2)
    if words[0] == "--version":
        print_text(__version__)
        return
    try:
        run_verb(words[0], words[1:])
    except (BalancedBCError, OSError) as error:
        complain(f"balanced-bc {words[0]}: {error}", quiet=is_told(error))
        sys.exit(1)
    except KeyboardInterrupt:
        again = "; the same command goes on where it stopped" if words[0] in RESUMING else ""
        complain(f"balanced-bc {words[0]}: interrupted{again}", quiet=not is_first())
        sys.exit(130)


def complain(text: str, quiet: bool) -> None:
    """Print to the error stream."""
    Console(stderr=True, quiet=quiet, emoji=False).print(text, markup=False, highlight=False, soft_wrap=True)


def is_told(error: BalancedBCError | OSError) -> bool:
    """Whether another process that torchrun started tells people of an error.

    Before the processes meet, all on a machine have the same, and the first one tells.
    """
    if isinstance(error, OSError):
        return False
    return not is_first() if error.is_told is None else error.is_told


def is_first() -> bool:
    """Whether this is the first process that torchrun started on this machine, or the only one."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def run_verb(name: str, arguments: Sequence[str]) -> None:
    """Parse the options of a verb and run it."""
    if name not in VERBS:
        raise UsageError(f"there is no such verb; there are {', '.join(VERBS)}")
    about = f"{(VERBS[name].__doc__ or '').splitlines()[0]} {FROM_FILE}"
    tyro.cli(VERBS[name], args=expanded(arguments), prog=f"balanced-bc {name}", description=about)


if __name__ == "__main__":
    main()
