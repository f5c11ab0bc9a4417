"""The core needs no extras, and imports what it needs when it does."""

import subprocess
import sys

OPTIONAL = ("matplotlib", "narwhals", "pyarrow", "rich", "sklearn", "typer")


def run(program):
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - it is ours
    return done.stdout.split()


def test_importing_chainrule_imports_little():
    program = "import sys, chainrule; print(*sys.modules)"
    imported = set(run(program))
    late = {"chainrule.drawing", "chainrule.nn", "chainrule.training", "numpy.random"}
    assert imported.isdisjoint({*OPTIONAL, *late})


def test_the_core_works_without_the_extras():
    program = f"""
import sys
sys.modules.update(dict.fromkeys({OPTIONAL!r}))  # importing any of them now fails
import tempfile
import chainrule as cr
net = cr.nn.Dense(2, 2)
cr.fit(net, [[0.0, 1.0], [1.0, 0.0]], [0, 1], epochs=1)
with tempfile.TemporaryDirectory() as folder:
    cr.load(cr.save(net, folder))
x = cr.tensor(2.0, name="x")
(x * x).show()
"""
    assert run(program)


def test_what_needs_an_extra_says_which():
    program = f"""
import sys
sys.modules.update(dict.fromkeys({OPTIONAL!r}))
import chainrule as cr
try:
    cr.tables.read_table("table.csv")
except ImportError as error:
    print(error)
"""
    assert "'chainrule[tables]'" in run(program)


def test_estimators_need_an_extra_and_say_which():
    program = f"""
import sys
sys.modules.update(dict.fromkeys({OPTIONAL!r}))
import chainrule.sklearn
for name in ("MLPClassifier", "MLPRegressor", "LogisticRegression"):
    try:
        getattr(chainrule.sklearn, name)
    except ImportError as error:
        print(error)
"""
    assert run(program).count('"chainrule[sklearn]"') == 3


def test_every_public_name_is_there():
    program = (
        "import chainrule as cr; print(*[getattr(cr, n) for n in dir(cr)][:0], 'ok')"
    )
    assert run(program) == ["ok"]
    without = f"import sys; sys.modules.update(dict.fromkeys({OPTIONAL!r}));"
    assert run(f"{without} from chainrule import *; print('ok')") == ["ok"]
