"""Reports to look at, and a reader that checks a page as a browser would."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest

from chainrule.tables.infer import infer_schema
from chainrule.tabular.evaluation import (
    Influence,
    evaluate_classes,
    evaluate_regression,
    majority_baseline,
    mean_baseline,
)
from chainrule.training.history import History
from chainrule.view.report import Layer, Provenance, Report

VOID = {"meta", "br"}
PROVENANCE = Provenance(
    date="2026-11-21 10:02",
    source="flowers.csv",
    command="chainrule train flowers.csv --target species",
    seed=7,
    version="0.1.0",
    python="3.11.7",
    numpy="2.4.6",
    machine="Linux x86_64, 2 cores",
)


class Page(HTMLParser):
    """What a page holds; raises where its elements are not nested properly."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.ids, self.links = [], [], [], []
        self.attributes, self.words = [], []
        self.feed(html)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def read():
    return Page


def schema_of(target, names=("width", "colour")):
    rng = np.random.default_rng(0)
    rows = len(target)
    columns = {
        names[0]: [None, *rng.normal(size=rows - 1).tolist()],
        names[1]: rng.choice(["red", "blue"], rows).tolist(),
        "always": ["same"] * rows,
        "species": target,
    }
    return infer_schema(pa.table(columns), target="species")


def learned(epochs=6, score="val_accuracy"):
    return History(
        [
            {
                "epoch": epoch,
                "loss": 1 / epoch,
                "val_loss": 1 / epoch + 0.01 * epoch,
                score: 1 - 0.5 / epoch,
                "learning_rate": 1e-3,
                "seconds": 0.1,
            }
            for epoch in range(1, epochs + 1)
        ],
        best_epoch=epochs,
    )


def class_report(classes, rows=400, seed=0):
    rng = np.random.default_rng(seed)
    K = len(classes)
    y = rng.integers(0, K, rows)
    p = np.exp(rng.normal(size=(rows, K)) + 3 * np.eye(K)[y])
    p /= p.sum(axis=1, keepdims=True)
    schema = schema_of([("a", "b", "c")[k % 3] for k in range(60)])
    return Report(
        title="species from flowers.csv",
        provenance=PROVENANCE,
        schema=replace(schema, classes=tuple((name, 20) for name in classes)),
        split={"training": 300, "validation": 40, "test": 60},
        layers=[Layer("Dense", "64", 640), Layer("ReLU", "64", 0)],
        history=learned(),
        test=evaluate_classes(y, p, classes),
        baselines={"majority class": majority_baseline(y, y, classes)},
        influence=[Influence("width", 0.5, 0.01), Influence("colour", -0.01, 0.02)],
        next_commands=[("chainrule predict RUN new.csv", "Predict new rows:")],
    )


def regression_report(scale=1e6, rows=3000):
    rng = np.random.default_rng(0)
    y = scale * rng.gamma(2, size=rows)
    predicted = y + 0.2 * scale * rng.normal(size=rows)
    return replace(
        class_report(["no", "yes"]),
        schema=schema_of(y[:60].tolist()),
        history=learned(score="val_rmse"),
        test=evaluate_regression(y, predicted),
        baselines={"mean": mean_baseline(y, y)},
    )


@pytest.fixture
def make_class_report():
    return class_report


@pytest.fixture
def make_regression_report():
    return regression_report


@pytest.fixture
def binary_report():
    return class_report(["no", "yes"])
