"""`train --config` and `--write-config`: options in a file."""

import tomllib

import pytest

from chainrule.tabular import load_run


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_says_what_the_command_line_could(chainrule, homes_csv, tmp_path):
    write(
        tmp_path / "run.toml",
        """
        table = "homes.csv"
        target = "town"
        drop = ["price"]
        number = "size"
        hidden = [8, 4]
        dropout = 0.1
        epochs = 3
        lr = 1
        validation = 0.2
        test = "homes.csv"
        batch-size = 50
        optimizer = "sgd"
        class_weight = { Ulm = 2, "Köln" = 1.5 }
        quiet = true
        """,
    )
    told = chainrule("train", "--config", "run.toml", "--out", "a", "--lr", 0.01)
    assert (told.code, told.out, told.err) == (0, "a\n", "")
    run = load_run("a")
    assert run.target == "town"
    assert [column.name for column in run.schema.inputs] == ["size"]
    expected = {
        "hidden": [8, 4],
        "dropout": 0.1,
        "epochs": 3,
        "lr": 0.01,
        "validation": 0.2,
        "test": "homes.csv",
        "batch_size": 50,
        "optimizer": "sgd",
        "class_weight": {"Ulm": 2.0, "Köln": 1.5},
    }
    assert run.settings | expected == run.settings


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("epoch = 3", "there is no option 'epoch'; did you mean 'epochs'?"),
        ("[train]\nepochs = 3", "there is no option 'train'"),
        ("epochs = 'many'", 'epochs = "many" is no whole number'),
        ("epochs = 3.5", "epochs = 3.5 is no whole number"),
        ("epochs = true", "epochs = true is no whole number"),
        ("lr = 'fast'", 'lr = "fast" is no number'),
        ("overwrite = 1", "overwrite = 1 is neither true nor false"),
        ("target = [[1]]", "target = [[1]] is neither text nor a number"),
        ("json = true", "--json is for the command line"),
        ("resume = 'a'", "there is no option 'resume'"),
        ("activation = 'rleu'", "activation='rleu' is not known"),
    ],
)
def test_files_that_make_no_sense(chainrule, homes_csv, tmp_path, text, complaint):
    write(tmp_path / "run.toml", text)
    told = chainrule(
        "train", homes_csv, "--config", "run.toml", *(() if "target" in text else
        ("--target", "town"))
    )  # fmt: skip
    assert told.code == 2
    assert told.out == ""
    assert complaint in told.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["homes.csv", "run.toml"]


def test_a_file_that_is_not_there(chainrule, homes_csv):
    told = chainrule("train", homes_csv, "--config", "run.toml")
    assert told.code == 1
    assert told.err == "error: run.toml: there is no such file or folder\n"


def test_a_file_of_other_letters_is_refused(chainrule, homes_csv, tmp_path):
    (tmp_path / "run.toml").write_bytes(b"\xff\xfe")
    told = chainrule("train", "--config", "run.toml")
    assert told.code == 1
    assert "is not TOML" in told.err


def test_a_file_of_another_format_is_refused(chainrule, tmp_path):
    write(tmp_path / "run.toml", "epochs = ")
    told = chainrule("train", "--config", "run.toml")
    assert told.code == 1
    assert "is not TOML: Invalid value" in told.err


def test_what_is_written_is_read(chainrule, homes_csv, tmp_path):
    options = (
        *("--target", "town", "--hidden", "none", "--drop", '"price"', "--epochs", 2),
        *("--class-weight", "Ulm=2,Köln=1", "--test", 0.3, "--no-embed"),
    )
    told = chainrule("train", homes_csv, *options, "--write-config", "run.toml")
    assert (told.code, told.out, told.err) == (0, "", "")
    text = (tmp_path / "run.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text) == {
        "table": str(homes_csv),
        "target": "town",
        "hidden": "none",
        "drop": ["price"],
        "embed": False,
        "epochs": 2,
        "class_weight": {"Ulm": 2.0, "Köln": 1.0},
        "test": 0.3,
    }
    assert '# activation = "relu"' in text  # what was not said is a comment
    assert chainrule("train", "--config", "run.toml", "--out", "a", "-q").code == 0
    assert chainrule("train", homes_csv, *options, "--out", "b", "-q").code == 0
    weights = [(tmp_path / n / "model.safetensors").read_bytes() for n in ("a", "b")]
    assert weights[0] == weights[1]


def test_a_file_is_not_written_over(chainrule, homes_csv, tmp_path):
    write(tmp_path / "run.toml", "precious")
    told = chainrule("train", homes_csv, "--write-config", "run.toml")
    assert told.code == 1
    assert "run.toml is there already" in told.err
    assert (tmp_path / "run.toml").read_text() == "precious"


def test_all_that_is_a_comment_can_be_used(chainrule, tmp_path):
    """Every default that is written is one that is read."""
    chainrule("train", "x.csv", "--target", "y", "--write-config", "run.toml")
    lines = (tmp_path / "run.toml").read_text(encoding="utf-8").splitlines()
    used = [
        line.removeprefix("# ")
        for line in lines
        if " = " in line and not line.endswith("...") and line.count("=") == 1
    ]
    write(tmp_path / "all.toml", "\n".join(used))
    told = chainrule("train", "--config", "all.toml")
    assert "there is no file x.csv" in told.err
