"""scikit-learn's own tests, run against chainrule's classes.

The test files of the installed scikit-learn are copied to a temporary folder, in which
its classes are replaced by ours of the same name, and run there:

    python benchmarks/scikit_learn_tests.py              # all of them
    python benchmarks/scikit_learn_tests.py mlp -k alpha # one file, some of its tests

It prints how many pass and every test that does not. Those that are known not to are
listed in `scikit_learn_tests.toml`, with the reason of each; any other failure, and any
test of the list that passes, makes the exit status 1. Tests with arrays of PyTorch or
CuPy are skipped where these, or their devices, are not there.
"""

import argparse
import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from xml.etree import ElementTree as ET

import sklearn

REASONS = Path(__file__).with_suffix(".toml")


class Suite(NamedTuple):
    """A test file of scikit-learn, and the classes of it that are ours."""

    path: str
    names: frozenset[str]


SUITES = {
    "mlp": Suite(
        "neural_network/tests/test_mlp.py",
        frozenset({"MLPClassifier", "MLPRegressor"}),
    ),
    "logistic": Suite(
        "linear_model/tests/test_logistic.py",
        frozenset({"LogisticRegression", "LogisticRegressionCV"}),
    ),
}


class Result(NamedTuple):
    """How one test went."""

    name: str
    outcome: str  # passed, failed or skipped
    message: str


def swapped(source: str, names: frozenset[str]) -> str:
    """The source, in which `names` are imported from chainrule."""
    lines = source.splitlines()
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom):
            here = sorted(names & {alias.name for alias in node.names})
            if here:
                found.append((node.end_lineno, here))
    missing = names - {name for _, here in found for name in here}
    if missing:
        raise ValueError(f"{', '.join(missing)}: the test file does not import it")
    for line, here in reversed(found):
        lines.insert(line, f"from chainrule.sklearn import {', '.join(here)}")
    return "\n".join(lines) + "\n"


def run(suite: Suite, options: Sequence[str]) -> list[Result]:
    """The tests of a file, by our classes."""
    source = Path(sklearn.__file__).parent / suite.path
    with TemporaryDirectory() as folder:
        test = Path(folder, source.name)
        test.write_text(swapped(source.read_text(), suite.names))
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "sklearn.conftest"]
        command += ["-p", "no:cacheprovider", f"--junitxml={report}", "--tb=no"]
        done = subprocess.run(
            [*command, *options, test.name],
            cwd=folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "SCIPY_ARRAY_API": "1"},
            stdout=subprocess.DEVNULL,
            check=False,
        )
        if not report.exists():
            raise SystemExit(f"pytest ended with {done.returncode} before any test ran")
        return list(results(report))


def results(report: Path) -> Iterator[Result]:
    """The tests in a report of pytest."""
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - we wrote it
        bad = [x for x in case if x.tag in ("failure", "error")]
        skipped = [x for x in case if x.tag == "skipped"]
        outcome = "failed" if bad else "skipped" if skipped else "passed"
        message = next((x.get("message", "") for x in [*bad, *skipped]), "")
        yield Result(case.get("name", ""), outcome, message)


def reason_for(test: str, reasons: dict[str, str]) -> str | None:
    """Why a test is known to fail, by its name, or that without its parameters."""
    return reasons.get(test, reasons.get(test.partition("[")[0]))


def show(name: str, found: Sequence[Result], reasons: dict[str, str]) -> bool:
    """Print what happened; whether it was what was expected."""
    counts = {o: sum(r.outcome == o for r in found) for o in ("passed", "skipped")}
    known = [r for r in found if r.outcome == "failed" and reason_for(r.name, reasons)]
    new = [r for r in found if r.outcome == "failed" and r not in known]
    failing = {name for r in known for name in (r.name, r.name.partition("[")[0])}
    ran = {name for r in found for name in (r.name, r.name.partition("[")[0])}
    better = [test for test in reasons if test in ran and test not in failing]
    print(
        f"{name}: {len(found)} tests, {counts['passed']} passed, {len(known)} failed "
        f"as listed, {len(new)} failed otherwise, {counts['skipped']} skipped"
    )
    for result in known:
        print(f"  {result.name}: {reason_for(result.name, reasons)}")
    for result in new:
        print(f"  NEW {result.name}: {result.message[:200]}")
    for test in better:
        print(f"  PASSES {test}: take it off the list")
    return not new and not better


def main() -> int:
    """Run the files that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", help=f"any of {', '.join(SUITES)}")
    parser.add_argument("-k", help="only the tests that this expression of pytest says")
    chosen = parser.parse_args()
    unknown = set(chosen.suites) - set(SUITES)
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(SUITES)}")
    reasons = tomllib.loads(REASONS.read_text())
    print(f"scikit-learn {sklearn.__version__}")
    options = ["-k", chosen.k] if chosen.k else []
    fine = [
        show(name, run(SUITES[name], options), reasons.get(name, {}))
        for name in chosen.suites or SUITES
    ]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
