"""Write ``breast_cancer.csv``: the Wisconsin table, as scikit-learn carries it.

569 tumours, 30 measurements of their cell nuclei, and the diagnosis. Values are written
with as many digits as it takes to read the very same floats back. From: W. N. Street,
W. H. Wolberg and O. L. Mangasarian, "Nuclear feature extraction for breast tumor
diagnosis", 1993.

    python examples/make_breast_cancer.py
"""  # noqa: INP001 - a script, not a part of a package

from pathlib import Path

from sklearn.datasets import load_breast_cancer

TARGET = "diagnosis"


def breast_cancer_csv() -> str:
    """Give the table as CSV text, in scikit-learn's order of rows and columns."""
    data = load_breast_cancer()
    lines = [",".join([*data.feature_names, TARGET])]
    for row, label in zip(data.data, data.target, strict=True):
        numbers = (repr(float(value)) for value in row)
        lines.append(",".join([*numbers, data.target_names[label]]))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the file beside this script, whole or not at all."""
    path = Path(__file__).with_name("breast_cancer.csv")
    beside = path.with_suffix(".tmp")
    beside.write_text(breast_cancer_csv(), encoding="utf-8", newline="\n")
    beside.replace(path)


if __name__ == "__main__":
    main()
