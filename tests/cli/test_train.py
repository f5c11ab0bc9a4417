"""`chainrule train`: what it says, saves and refuses."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from chainrule.cli.progress import ProgressLines
from chainrule.tabular import load_run

START = [sys.executable, "-c", "from chainrule.cli import main; main()"]


def test_it_says_what_it_understood_how_it_went_and_what_came_of_it(
    chainrule, cancer, tmp_path
):
    trained = chainrule("train", cancer, "--target", "diagnosis", "--epochs", 4)
    assert trained.code == 0
    assert trained.err == ""
    for words in (
        "569 rows, 31 columns",
        "inputs: 30 numbers, 0 categories; no value is missing",
        "target: diagnosis, 2 classes: benign 357 (62.7%) and malignant 212 (37.3%)",
        "split: 399 training, 85 validation, 85 test rows",
        "network: 30 inputs → 64 relu → 64 relu → 1 output, 6,209 weights",
        "epoch 1/4  loss 0.",
        "trained for 4 epochs in",
        "On 85 test rows it has not seen",
        "logistic regression   majority class",
        "Accuracy",
        "saved to runs/breast_cancer-diagnosis-20",
        "chainrule predict runs/breast_cancer-diagnosis-20",
    ):
        assert words in trained.out
    assert all(line == line.rstrip() for line in trained.out.splitlines()[:6])
    (run,) = (tmp_path / "runs").iterdir()
    names = sorted(path.name for path in run.iterdir())
    assert names == [
        *("checkpoint.safetensors", "evaluation.json", "history.jsonl"),
        *("model.json", "model.safetensors", "report.html", "training.json"),
    ]
    assert load_run(run).provenance.command.startswith("chainrule train ")
    assert "<svg" in (run / "report.html").read_text()


def test_json_alone_on_stdout(chainrule, homes_csv):
    trained = chainrule(
        *(
            "train",
            homes_csv,
            "--target",
            "price",
            "--epochs",
            2,
            "--json",
            "--out",
            "a",
        )
    )
    assert trained.code == 0
    found = json.loads(trained.out)
    assert found["run"] == "a"
    assert found["task"] == "regression"
    assert found["split"] == {"training": 140, "validation": 30, "test": 30}
    assert found["epochs"] == 2
    assert set(found["baselines"]) == {"the mean", "linear regression"}
    assert set(found["influence"]) == {"size", "town"}
    assert found["test"]["rows"] == 30
    assert trained.err == ""


def test_quiet_prints_the_folder_alone(chainrule, homes_csv):
    trained = chainrule(
        *("train", homes_csv, "--target", "price", "--epochs", 1, "-q", "--out", "a/b")
    )
    assert (trained.code, trained.out, trained.err) == (0, "a/b\n", "")


def test_all_options_reach_the_training(chainrule, homes_csv):
    trained = chainrule(
        *("train", homes_csv, "--target", "town", "--task", "binary"),
        *("--drop", "price", "--number", "size", "--delimiter", ","),
        *("--encoding", "utf-8", "--missing", "none,-", "--validation", 0.2),
        *("--test", homes_csv, "--hidden", "8,4", "--activation", "tanh"),
        *("--dropout", 0.1, "--epochs", 3, "--batch-size", 50, "--lr", 0.01),
        *("--optimizer", "sgd", "--weight-decay", 0.001, "--patience", 0),
        *("--class-weight", "Ulm=2,Köln=1", "--seed", 7, "--out", "a", "--quiet"),
        *("--normalization", "layer", "--schedule", "cosine", "--clip-norm", 1),
        *("--max-time", 100, "--scaling", "robust", "--min-count", 2, "--no-embed"),
    )
    assert trained.code == 0, trained.err
    run = load_run("a")
    expected = {
        "normalization": "layer",
        "schedule": "cosine",
        "clip_norm": 1.0,
        "max_time": 100.0,
        "scaling": "robust",
        "min_count": 2,
        "embed": False,
        "hidden": [8, 4],
        "activation": "tanh",
        "dropout": 0.1,
        "epochs": 3,
        "batch_size": 50,
        "optimizer": "sgd",
        "lr": 0.01,
        "weight_decay": 0.001,
        "patience": None,
        "seed": 7,
        "validation": 0.2,
        "test": str(homes_csv),
        "class_weight": {"Ulm": 2.0, "Köln": 1.0},
    }
    assert run.settings | expected == run.settings
    assert run.encoder.missing == ("", "none", "-")
    assert [column.name for column in run.schema.inputs] == ["size"]


def test_a_column_of_codes_can_be_a_category(chainrule, tmp_path):
    rows = [f"{10000 + k % 3},{k % 3 + k / 100}" for k in range(60)]
    (tmp_path / "zip.csv").write_text("\n".join(["kind,y", *rows]))
    options = ("train", "zip.csv", "--target", "y", "--epochs", 1, "-q")
    assert chainrule(*options, "--out", "a", "--category", "kind").code == 0
    assert len(load_run("a").encoder.inputs) == 3
    assert chainrule(*options, "--out", "b", "--number", "kind").code == 0
    assert len(load_run("b").encoder.inputs) == 1


def test_the_same_seed_gives_the_same_file(chainrule, homes_csv, tmp_path):
    for name in ("a", "b"):
        chainrule(
            *("train", homes_csv, "--target", "price", "--epochs", 2, "--out", name)
        )
    contents = [(tmp_path / n / "model.safetensors").read_bytes() for n in ("a", "b")]
    assert contents[0] == contents[1]


def test_without_test_rows_it_says_so(chainrule, homes_csv):
    trained = chainrule(
        *("train", homes_csv, "--target", "price", "--epochs", 1, "--test", 0)
    )
    assert trained.code == 0
    assert "No rows were kept for a test" in trained.out


# --- what is refused ------------------------------------------------------------------


TABLES = {
    "empty.csv": ("", "is empty"),
    "header.csv": ("a,b\n", "no rows below them"),
    "constant.csv": ("a,b\n1,x\n2,x\n3,x\n", "nothing to learn"),
    "two.csv": ("a,b\n1,x\n2,y\n", "2 rows are too few to part"),
    "one.csv": ("a,b\n1,x\n", "one row is not enough"),
    "delimiter.csv": ("a|b\n1|x\n2|y\n", "no column 'b'"),
    "dates.csv": ("a,b\n" + "1/1/20,x\n6/5/21,y\n" * 9, "dates or times"),
    "missing.csv": ("a,b\n1,\n2,NA\n", "no value in any row"),
    "mixed.csv": (
        "a,b\n" + "".join(f"{k},x\n{k}.5,y\n" for k in range(30)) + "many,x\n",
        "'many'",
    ),
    "infinite.csv": ("a,b\n" + "1,x\n2,y\n" * 9 + "inf,x\n", "is infinite in row 19"),
    "repeated.csv": ("a,a,b\n1,2,x\n2,3,y\n", "'a'"),
    "quote.csv": ('a,b\n1,"x\n2,y\n', "quote"),
    "constants.csv": ("a,b\n" + "1,x\n1,y\n" * 9, "no column is left"),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_that_make_no_sense(chainrule, tmp_path, name):
    content, complaint = TABLES[name]
    (tmp_path / name).write_text(content)
    before = sorted(tmp_path.iterdir())
    command = ["train", name, "--target", "b"]
    if name == "delimiter.csv":
        command += ["--delimiter", ","]
    trained = chainrule(*command)
    assert trained.code == 1
    assert trained.out == ""
    assert trained.err.startswith("error: ")
    assert complaint in trained.err
    assert len(trained.err.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_understood(chainrule, tmp_path, encoding):
    text = "größe,b\n" + "1,x\n2,y\n3,x\n4,y\n" * 10
    (tmp_path / "table.csv").write_bytes(text.encode(encoding))
    trained = chainrule("train", "table.csv", "--target", "b", "--epochs", 1)
    assert trained.code == 0, trained.err


def test_latin_1_is_understood_when_named(chainrule, tmp_path):
    text = "größe,b\n" + "1,x\n2,y\n3,x\n4,y\n" * 10
    (tmp_path / "table.csv").write_bytes(text.encode("latin-1"))
    options = ("train", "table.csv", "--target", "b", "--epochs", 1)
    refused = chainrule(*options)
    assert refused.code == 1
    assert "encoding" in refused.err
    assert chainrule(*options, "--encoding", "latin-1").code == 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--hidden", "64x64"], "--hidden: '64x64' is no list of whole numbers"),
        (["--hidden", "0,4"], "hidden=0 is not a whole number from 1 up"),
        (["--activation", "rleu"], "activation='rleu'"),
        (["--optimizer", "adams"], "optimizer='adams'"),
        (["--lr", "-1"], "lr=-1.0"),
        (["--lr", "fast"], "--lr"),
        (["--epochs", "0"], "epochs=0"),
        (["--dropout", "1"], "dropout=1.0"),
        (["--seed", "-1"], "seed=-1"),
        (["--class-weight", "much"], "CLASS=WEIGHT"),
        (["--class-weight", "paris=2"], "no class 'paris'"),
        (["--epoch", "3"], "No such option"),
    ],
)
def test_wrong_usage(chainrule, homes_csv, options, complaint):
    trained = chainrule("train", homes_csv, "--target", "town", *options)
    assert trained.code == 2
    assert trained.out == ""
    assert trained.err.startswith("error: ")
    assert complaint in trained.err


def test_what_is_missing_from_the_command_line(chainrule, homes_csv):
    assert "Missing option '--target'" in chainrule("train", homes_csv).err
    assert "Missing argument 'TABLE'" in chainrule("train", "--target", "x").err
    told = chainrule("train", homes_csv, "--target", "prize")
    assert told.code == 1
    assert "did you mean 'price'" in told.err
    told = chainrule("train", "home.csv", "--target", "price")
    assert "there is no file home.csv; did you mean 'homes.csv'?" in told.err


def test_a_folder_that_is_taken_is_refused_before_training(
    chainrule, homes_csv, tmp_path
):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").touch()
    options = ("train", homes_csv, "--target", "price", "--epochs", 1)
    told = chainrule(*options, "--out", "photos", "--overwrite")
    assert (told.code, told.out) == (1, "")
    assert "photos holds other files" in told.err
    assert chainrule(*options, "--out", "run").code == 0
    told = chainrule(*options, "--out", "run")
    assert told.code == 1
    assert "run holds a run already" in told.err
    assert chainrule(*options, "--out", "run", "--overwrite").code == 0


def test_two_runs_in_the_same_second_get_two_names(
    chainrule, homes_csv, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "chainrule.cli.training.default_folder", lambda *_: tmp_path / "runs" / "a"
    )
    for _ in range(2):
        chainrule("train", homes_csv, "--target", "price", "--epochs", 1)
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["a", "a-2"]


def test_a_terminal_that_knows_few_letters_is_no_error(homes_csv, tmp_path):
    done = subprocess.run(  # noqa: S603 - our own program
        [*START, "train", str(homes_csv), "--target", "price", "--epochs", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_divergence_is_explained(chainrule, homes_csv, tmp_path):
    told = chainrule(
        *("train", homes_csv, "--target", "price", "--optimizer", "sgd", "--lr", 1e9)
    )
    assert told.code == 1
    assert "training diverged" in told.err
    assert "a smaller --lr" in told.err
    assert ".py" not in told.err
    assert not (tmp_path / "runs").exists()


def test_a_full_disk_is_one_sentence_and_costs_nothing(
    chainrule, homes_csv, tmp_path, monkeypatch
):
    def full(path, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    command = ("train", homes_csv, "--target", "price", "--epochs", 1, "--out", "run")
    with monkeypatch.context() as patch:
        patch.setattr("chainrule.tabular.run.write_text", full)
        told = chainrule(*command)
    assert told.code == 1
    assert "the disk is full" in told.err
    assert "To go on: chainrule train --resume run" in told.err
    assert chainrule("train", "--resume", "run", "-q").out == "run\n"
    assert len(load_run("run").history) == 1


def test_a_disk_that_is_full_from_the_beginning_gets_nothing(
    chainrule, homes_csv, tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("chainrule.training.checkpoint.write_bytes", full)
    told = chainrule("train", homes_csv, "--target", "price", "--epochs", 1)
    assert told.err == "error: the disk is full; nothing was left half-written\n"
    assert not (tmp_path / "runs").exists()


def test_a_bug_is_called_a_bug(chainrule, homes_csv, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("chainrule.cli.training.train_table", fail)
    told = chainrule("train", homes_csv, "--target", "price")
    assert told.code == 70
    assert "a bug in chainrule" in told.err
    assert "ZeroDivisionError: on purpose" in told.err
    assert "Traceback" not in told.err
    told = chainrule("train", homes_csv, "--target", "price", "--traceback")
    assert "Traceback" in told.err
    monkeypatch.setenv("CHAINRULE_TRACEBACK", "1")
    assert "Traceback" in chainrule("train", homes_csv, "--target", "price").err


# --- Ctrl-C, kill ---------------------------------------------------------------------


def started(homes_csv, tmp_path, *options):
    """A training that would go on for minutes, once its first epochs are done."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [
            *(*START, "train", str(homes_csv), "--target", "price"),
            *("--epochs", "1000000", "--patience", "0", "--out", "run", *options),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("epoch 1/"):
            return process
    raise AssertionError(process.stderr.read())


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_ctrl_c_keeps_the_best_weights_and_says_so(homes_csv, tmp_path):
    process = started(homes_csv, tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "stopping after this epoch" in err
    words = " ".join(out.split())
    assert "stopped by Ctrl-C; the weights kept are those of epoch" in words
    assert load_run(tmp_path / "run").history.stopped == "stopped by Ctrl-C"


def press_ctrl_c(monkeypatch, times):
    """Have Ctrl-C pressed so often while the second epoch ends."""

    class Pressing(ProgressLines):
        def on_epoch(self, run):
            super().on_epoch(run)
            for _ in range(times if run.epoch == 2 else 0):
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("chainrule.cli.training.ProgressLines", Pressing)


def test_the_epoch_is_finished_after_ctrl_c(chainrule, homes_csv, monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    press_ctrl_c(monkeypatch, times=1)
    told = chainrule("train", homes_csv, "--target", "price", "--out", "run")
    assert told.code == 0
    assert told.err == "stopping after this epoch; Ctrl-C again stops at once\n"
    assert "stopped by Ctrl-C" in told.out
    assert len(load_run("run").history) == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_twice_stops_at_once(chainrule, homes_csv, tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    press_ctrl_c(monkeypatch, times=2)
    told = chainrule("train", homes_csv, "--target", "price", "--out", "run")
    assert told.code == 130
    assert told.err.endswith("error: stopped at once; nothing was saved\n")
    assert not (tmp_path / "run").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_terminal_gets_a_live_view(chainrule, homes_csv, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    told = chainrule("train", homes_csv, "--target", "price", "--epochs", 3)
    assert told.code == 0
    assert "\x1b[?25l" in told.out  # the cursor is hidden, and shown again
    assert told.out.rindex("\x1b[?25h") > told.out.rindex("\x1b[?25l")
    assert "epoch 1/3" not in told.out


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_a_killed_training_can_be_gone_on_with(chainrule, homes_csv, tmp_path):
    process = started(homes_csv, tmp_path, "--epochs", "40")
    process.kill()
    process.communicate(timeout=60)
    told = chainrule("predict", "run", homes_csv)
    assert told.code == 1
    assert "chainrule train --resume run" in told.err
    assert chainrule("train", "--resume", "run", "--quiet").code == 0
    assert len(load_run("run").history) == 40
    assert not (tmp_path / "run" / "unfinished").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_the_second_of_two_processes_is_told_at_once(chainrule, homes_csv, tmp_path):
    process = started(homes_csv, tmp_path)
    try:
        for options in (["--resume", "run"], [homes_csv, "--target", "price", "--out",
                        "run", "--overwrite"]):  # fmt: skip
            told = chainrule("train", *options)
            assert told.code == 1
            assert f"run is in use: process {process.pid} on" in told.err
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert chainrule("predict", "run", homes_csv).code == 0


def test_a_finished_run_is_trained_more(chainrule, homes_csv, tmp_path):
    start = ("train", homes_csv, "--target", "price", "--hidden", "4", "-q")
    chainrule(*start, "--epochs", 3, "--out", "a")
    told = chainrule("train", "--resume", "a", "--epochs", 5)
    assert told.code == 0, told.err
    assert told.out.startswith("going on with a\n")
    chainrule(*start, "--epochs", 5, "--out", "b")
    weights = [(tmp_path / n / "model.safetensors").read_bytes() for n in ("a", "b")]
    assert weights[0] == weights[1]
    command = load_run("a").provenance.command
    assert command.endswith(" --out a && chainrule train --resume a --epochs 5")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--hidden", "3"], "--hidden: a training that goes on keeps"),
        (["--target", "size"], "--target: a training that goes on keeps"),
        (["--epochs", "many"], "--epochs"),
    ],
)
def test_what_cannot_be_gone_on_with(chainrule, homes_csv, options, complaint):
    chainrule("train", homes_csv, "--target", "price", "--epochs", 2, "--out", "a")
    told = chainrule("train", "--resume", "a", *options)
    assert told.code in (1, 2)
    assert told.out == ""
    assert complaint in told.err


def test_where_nothing_is_left_to_do_it_says_so(chainrule, homes_csv, tmp_path):
    start = ("train", homes_csv, "--target", "price", "--epochs", 2, "--hidden", 4)
    first = json.loads(chainrule(*start, "--out", "a", "--json").out)
    assert first["notes"] == []
    resume = ("train", "--resume", "a")
    told = chainrule(*resume)
    assert (told.code, told.err) == (0, "")
    finished = "a is finished: it has had its 2 epochs. Nothing is left to do."
    more = "To train it more: chainrule train --resume a --epochs 3"
    assert told.out == f"{finished}\n{more}\n"
    told = chainrule(*resume, "--epochs", 1)
    assert (told.code, told.err) == (0, "")
    assert "it has had 2 epochs, more than the 1 asked for" in told.out
    told = chainrule(*resume, "--quiet")
    assert (told.code, told.out, told.err) == (0, "a\n", "")
    again = json.loads(chainrule(*resume, "--json").out)
    assert again.pop("notes") == [finished, more]
    assert again == {k: v for k, v in first.items() if k != "notes"}
    assert chainrule(*more.split()[5:]).code == 0
    assert len(load_run("a").history) == 3


def test_what_stopped_by_itself_is_told_how_to_wait_longer(chainrule, homes_csv):
    start = ("train", homes_csv, "--target", "town", "--lr", 0.3, "--patience", 2)
    chainrule(*start, "--epochs", 100, "--out", "a", "-q")
    done = len(load_run("a").history)
    assert done < 100
    told = chainrule("train", "--resume", "a", "--epochs", 300)
    assert told.code == 0
    assert "the last 2 of them without a better validation loss" in told.out
    assert told.out.endswith("chainrule train --resume a --patience 4\n")
    chainrule(*told.out.split()[-5:], "-q")
    assert len(load_run("a").history) > done


def test_a_request_that_is_damaged_is_no_wrong_usage(chainrule, homes_csv, tmp_path):
    chainrule("train", homes_csv, "--target", "price", "--epochs", 1, "--out", "a")
    request = tmp_path / "a" / "training.json"
    request.write_text(request.read_text().replace('"seed": 0', '"seed": -7'))
    told = chainrule("train", "--resume", "a", "--epochs", 3)
    assert told.code == 1
    assert "a is damaged: seed=-7 is not a whole number" in told.err


def test_where_there_is_nothing_to_go_on_with(chainrule, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "nowhere is not there" in chainrule("train", "--resume", "nowhere").err
    assert "empty is not a run" in chainrule("train", "--resume", "empty").err


def test_a_second_ctrl_c_saves_nothing(chainrule, homes_csv, tmp_path, monkeypatch):
    class Twice(KeyboardInterrupt):
        pass

    def interrupted(*_, **__):
        raise Twice

    monkeypatch.setattr("chainrule.cli.training.train_table", interrupted)
    told = chainrule("train", homes_csv, "--target", "price")
    assert told.code == 130
    assert told.err == "error: stopped at once; nothing was saved\n"
    assert not (tmp_path / "runs").exists()


def test_the_program_itself_runs(tmp_path, homes_csv):
    program = shutil.which("chainrule", path=os.path.dirname(sys.executable))  # noqa: PTH120
    if program is None:
        pytest.skip("chainrule is not installed as a program")
    done = subprocess.run(  # noqa: S603 - our own program
        [program, "train", str(homes_csv), "--target", "price", "--epochs", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "saved to runs" in done.stdout
    # It says how it can be called again, from wherever it lies.
    assert f"{program} predict" in done.stdout or "  chainrule predict" in done.stdout


def test_a_table_larger_than_the_memory_is_streamed(chainrule, tmp_path):
    lines = [f"{k},{k % 7},{'yes' if k % 7 > 3 else 'no'}" for k in range(20_000)]
    (tmp_path / "large.csv").write_text("\n".join(["row,size,sold", *lines]) + "\n")
    given = ("--target", "sold", "--epochs", 2, "--memory", "1MB", "--lr", 0.01)
    trained = chainrule("train", "large.csv", *given, "--scratch", tmp_path)
    assert trained.err == ""
    assert "20,000 rows, 3 columns" in trained.out
    (run,) = (tmp_path / "runs").iterdir()
    found = load_run(run)
    assert found.evaluation.metrics["accuracy"] > 0.9
    assert sum(found.split.values()) == 20_000
    asked = json.loads((run / "training.json").read_text())["options"]
    assert (asked["memory"], asked["scratch"]) == (1_000_000, str(tmp_path))
    on = chainrule("train", "--resume", run, "--epochs", 3)
    assert (on.code, on.err) == (0, "")


def test_memory_that_is_no_amount_is_refused(chainrule, homes_csv):
    trained = chainrule("train", homes_csv, "--target", "price", "--memory", "lots")
    assert trained.code == 2
    assert "memory='lots' is no amount of memory such as '2GB'" in trained.err
