"""Write ``iris.csv``: Anderson's irises, as scikit-learn carries them.

150 flowers of three species, with the length and width of their sepals and petals in
centimetres. From: R. A. Fisher, "The use of multiple measurements in taxonomic
problems", 1936; measured by E. Anderson.

    python examples/make_iris.py
"""  # noqa: INP001 - a script, not a part of a package

from pathlib import Path

from sklearn.datasets import load_iris

TARGET = "species"


def iris_csv() -> str:
    """Give the table as CSV text, in scikit-learn's order of rows and columns."""
    data = load_iris()
    names = [name.removesuffix(" (cm)") for name in data.feature_names]
    lines = [",".join([*names, TARGET])]
    for row, label in zip(data.data, data.target, strict=True):
        numbers = (repr(float(value)) for value in row)
        lines.append(",".join([*numbers, data.target_names[label]]))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    path = Path(__file__).with_name("iris.csv")
    path.write_text(iris_csv(), encoding="utf-8", newline="\n")
