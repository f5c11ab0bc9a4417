"""What people write behind options."""

import pytest
import typer

from chainrule.cli import options


def test_names_can_hold_commas_in_quotes():
    assert options.names(["a, b", '"c,d"']) == ["a", "b", "c,d"]
    assert options.names(None) == []
    assert options.names(["", ","]) == []


@pytest.mark.parametrize(
    ("text", "layers"),
    [("64,32", (64, 32)), ("8", (8,)), ("8,", (8,)), ("none", ()), ("0", ()), ("", ())],
)
def test_layers(text, layers):
    assert options.layers(text) == layers


@pytest.mark.parametrize("text", ["64x64", "a", "1.5", "8,,8"])
def test_layers_that_make_no_sense(text):
    with pytest.raises(typer.BadParameter, match="whole numbers"):
        options.layers(text)


def test_class_weights():
    assert options.class_weights(None) is None
    assert options.class_weights("balanced") == "balanced"
    assert options.class_weights("a=1, b=2.5") == {"a": 1.0, "b": 2.5}
    assert options.class_weights("x=y=3") == {"x=y": 3.0}


@pytest.mark.parametrize("text", ["a", "a=", "a=b", "a=nan", "a=1,b"])
def test_class_weights_that_make_no_sense(text):
    with pytest.raises(typer.BadParameter, match="CLASS=WEIGHT"):
        options.class_weights(text)


def test_shares_and_files():
    assert options.share_or_file("0.2") == 0.2
    assert options.share_or_file("0") == 0
    assert options.share_or_file("rows.csv") == "rows.csv"
