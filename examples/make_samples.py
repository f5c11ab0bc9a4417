"""Write the samples of public tables that the gallery of the documentation trains on.

    python examples/make_samples.py FOLDER

`FOLDER` holds the whole tables as CSV; each sample takes every so-manieth row, and some
of the columns, with the values as they are there. The tables, and where they come from:

- ``adult.csv`` of ``adult_train.csv``: people in the census of the United States of
  1994, and whether they earned more than 50,000 dollars. B. Becker and R. Kohavi,
  "Adult", UCI Machine Learning Repository, 1996, https://doi.org/10.24432/C5XW20,
  licensed CC BY 4.0. Left out: the weight of a row in the census, and the education as
  a word, which the years of it say as well.
- ``california.csv`` of ``california_housing.csv``: blocks of houses in California in
  the census of 1990, whose figures are in the public domain. Put together by R. K. Pace
  and R. Barry, "Sparse spatial autoregressions", 1997, and given to everyone by
  StatLib, https://lib.stat.cmu.edu/datasets/houses.zip; with the means of a household,
  as scikit-learn's ``fetch_california_housing`` computes them.
- ``credit.csv`` of ``credit_g.csv``: loans of a bank in the south of Germany, 1973 to
  1975. H. Hofmann, "Statlog (German Credit Data)", UCI Machine Learning Repository,
  1994, https://doi.org/10.24432/C5NC77, licensed CC BY 4.0. OpenML's names for the
  codes, https://www.openml.org/d/31. All rows. Several of these names are wrong: U.
  Groemping, "South German credit data: correcting a widely used data set", 2019. Two
  columns that would say so of persons, their sex and whence they came, are left out.
- ``diamonds.csv`` of ``diamonds.csv``: prices of diamonds at a dealer's in 2008. From
  ggplot2, https://ggplot2.tidyverse.org/reference/diamonds.html, licensed MIT,
  (c) ggplot2 core developer team.
"""  # noqa: INP001 - a script, not a part of a package

import csv
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """Every `step`-th row of the file `source`, without some columns."""

    source: str
    step: int
    drop: tuple[str, ...]


SAMPLES = {
    "adult.csv": Sample("adult_train.csv", 16, ("fnlwgt", "education")),
    "california.csv": Sample(
        "california_housing.csv", 7, ("AveBedrms", "Population", "AveOccup")
    ),
    "credit.csv": Sample("credit_g.csv", 1, ("personal_status", "foreign_worker")),
    "diamonds.csv": Sample("diamonds.csv", 20, ("depth", "table", "x", "y", "z")),
}


def sample_csv(sample: Sample, folder: Path) -> str:
    """Give the sample as CSV text, in the order that rows and columns have there."""
    with (folder / sample.source).open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    kept = [place for place, name in enumerate(names) if name not in sample.drop]
    lines = [names, *rows[:: sample.step]]
    return "".join(
        ",".join(_plain(line[place]) for place in kept) + "\n" for line in lines
    )


def _plain(value: str) -> str:
    """The value without `.0`, where it is a whole number."""
    return value.removesuffix(".0") if value.removesuffix(".0").isdigit() else value


def main(folder: Path, out: Path) -> None:
    """Write all samples into `out`, each whole or not at all."""
    for name, sample in SAMPLES.items():
        beside = out / f"{name}.tmp"
        beside.write_text(sample_csv(sample, folder), encoding="utf-8", newline="\n")
        beside.replace(out / name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(__file__).parent)
