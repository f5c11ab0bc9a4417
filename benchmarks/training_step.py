"""Microseconds per training step, beside the peers.

Softmax cross-entropy, ReLU, float32, data in memory, a fresh permutation each epoch;
the time of whole epochs over their steps. chainrule is called as users call it, by one
`cr.fit` of as many epochs as fill a measurement, and chooses its threads itself; the
peers run with one thread and with one per core, and their better figure is shown.

Every library with every number of threads has a process of its own, kept alive; they
take turns, one measurement each a round, while all the others wait. The least of all
rounds counts. PyTorch and JAX drop a last batch that is smaller; for the others it
counts by its rows.

    python training_step.py tiny mnist --optimizers adam --rounds 7 --json found.json
"""

import argparse
from pathlib import Path
from typing import Any

import machine
from cases import CASES
from libraries import BEST_PEER, CHAINRULE, LIBRARIES, installed
from workers import best, ready, records, started, taking_turns


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all")
    add("--optimizers", nargs="+", choices=["sgd", "adam"], default=["sgd", "adam"])
    add("--libraries", nargs="+", choices=LIBRARIES, default=list(LIBRARIES))
    add("--rounds", type=int, default=5, help="measurements of each (%(default)s)")
    add("--seconds", type=float, default=0.5, help="of one, at least (%(default)s)")
    add("--rows", type=int, help="train on the first rows only, for a quick trial")
    add("--json", type=Path, help="write all measurements to this file")
    chosen = parser.parse_args()
    unknown = [case for case in chosen.cases if case not in CASES]
    if unknown:
        parser.error(f"no case is called {unknown[0]}: there are {', '.join(CASES)}")
    chosen.cases = chosen.cases or list(CASES)
    return chosen


def measure(chosen: argparse.Namespace, libraries: list[str]) -> list[dict[str, Any]]:
    """All measurements; prints a row for each case and optimizer as it is done."""
    print(machine.head(["us/step", "network, batch", *libraries]))
    results = []
    with started(libraries) as workers:
        for case in chosen.cases:
            for optimizer in chosen.optimizers:
                able = ready(
                    workers, "prepare", case=case, optimizer=optimizer,
                    seconds=chosen.seconds, rows=chosen.rows,
                )  # fmt: skip
                found = taking_turns(able, chosen.rounds)
                results += records(found, case=case, optimizer=optimizer)
                cells = [cell(results, case, optimizer, name) for name in libraries]
                print(
                    machine.row([f"{case}, {optimizer}", CASES[case], *cells]),
                    flush=True,
                )
    return results


def fastest(
    results: list[dict[str, Any]], case: str, optimizer: str, library: str
) -> dict[str, Any] | None:
    """What a library reached at its best number of threads, if it ran at all."""
    own = [r for r in results if (r["case"], r["optimizer"]) == (case, optimizer)]
    return best(own, library)


def cell(results: list[dict[str, Any]], case: str, optimizer: str, library: str) -> str:
    """Microseconds, and with how many threads where the library was told."""
    result = fastest(results, case, optimizer, library)
    if result is None:
        return "-"
    time, threads = result["us_per_step"], result["threads"]
    shown = f"{time:,.{1 if time < 100 else 0}f}"
    return shown if threads is None else f"{shown} ({threads})"


def print_ratios(
    results: list[dict[str, Any]], base: str, libraries: list[str], title: str
) -> None:
    """A table of every library's time over that of `base`."""
    print(machine.head([title, *libraries]))
    for case, optimizer in dict.fromkeys((r["case"], r["optimizer"]) for r in results):
        times = [fastest(results, case, optimizer, name) for name in [base, *libraries]]
        over, *others = [t["us_per_step"] if t else float("nan") for t in times]
        print(
            machine.row([f"{case}, {optimizer}", *(f"{t / over:.2f}" for t in others)])
        )


def main() -> None:
    """Measure, and print times and ratios."""
    chosen = options()
    print(machine.about())
    libraries = installed(chosen.libraries)
    results = measure(chosen, libraries)
    print("\nIn brackets: the number of threads that was faster.")
    if BEST_PEER in libraries:
        print_ratios(results, BEST_PEER, libraries, f"time / {BEST_PEER}")
    if CHAINRULE in libraries:
        print_ratios(results, CHAINRULE, libraries, f"time / {CHAINRULE}")
    machine.save(chosen.json, results)


if __name__ == "__main__":
    main()
