"""From start to exit of a fresh process: importing, and training on a small table."""

import subprocess
import sys
import time

import machine

PROGRAMS = {
    "import numpy": "import numpy",
    "import chainrule": "import chainrule",
    "train 64-64-10 on 1,797 rows, 20 epochs of Adam": """
import numpy as np, chainrule as cr
rng = np.random.default_rng(0)
X = rng.random((1797, 64), np.float32)
y = rng.integers(0, 10, 1797)
net = cr.nn.Sequential(cr.nn.Dense(64, 64), cr.nn.ReLU(), cr.nn.Dense(64, 10))
cr.fit(net, X, y, batch_size=32, epochs=20)
""",
    "the same in scikit-learn": """
import numpy as np, warnings
from sklearn.neural_network import MLPClassifier
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.random((1797, 64), np.float32)
y = rng.integers(0, 10, 1797)
MLPClassifier((64,), batch_size=32, max_iter=20, n_iter_no_change=99).fit(X, y)
""",
}


def seconds(program: str) -> float:
    """The median of five runs."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        times.append(time.perf_counter() - start)
    return sorted(times)[2]


def main() -> None:
    """Print one table."""
    print(machine.about())
    print("\n| from start to exit | seconds |\n|---|---|")
    for name, program in PROGRAMS.items():
        print(f"| {name} | {seconds(program):.2f} |", flush=True)


if __name__ == "__main__":
    main()
