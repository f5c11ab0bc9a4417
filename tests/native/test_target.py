"""The record of what code is written for."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from chainrule.native import target
from chainrule.native.target import TargetError, host, named


@pytest.fixture
def detected_anew():
    host.cache_clear()
    yield
    host.cache_clear()


@pytest.mark.parametrize(
    ("name", "floats", "doubles", "registers", "has_fma"),
    [
        ("x86-64", 4, 2, 16, False),
        ("x86-64-v3", 8, 4, 16, True),
        ("x86-64-v4", 16, 8, 32, True),
        ("aarch64", 4, 2, 32, True),
    ],
)
def test_lanes(name, floats, doubles, registers, has_fma):
    found = named(name)
    assert (found.lanes(np.float32), found.lanes("float64")) == (floats, doubles)
    assert (found.vector_registers, found.has_fma) == (registers, has_fma)


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(TargetError, match=r"'sparc'.*x86-64-v3.*aarch64"):
        named("sparc")


def test_the_key_tells_targets_apart_but_not_how_many_cores_there_are():
    here = host()
    assert replace(here, cores=here.cores + 1).key == here.key
    assert replace(here, l2_bytes=here.l2_bytes + 1).key != here.key
    keys = [named(name).key for name in ("x86-64", "x86-64-v3", "x86-64-v4", "aarch64")]
    assert len(set(keys)) == 4


def test_the_host_has_cores_and_ever_larger_caches():
    here = host()
    assert here.cores >= 1
    assert 4096 <= here.l1_bytes <= here.l2_bytes


@pytest.mark.usefixtures("detected_anew")
def test_the_environment_names_a_less_able_target(monkeypatch):
    able = target._able(target.platform.machine().lower())
    monkeypatch.setenv("CHAINRULE_TARGET", able[-1])
    assert host().name == able[-1]


@pytest.mark.usefixtures("detected_anew")
def test_the_environment_cannot_ask_for_what_the_processor_lacks(monkeypatch):
    other = "aarch64" if host().architecture == "x86_64" else "x86-64"
    host.cache_clear()
    monkeypatch.setenv("CHAINRULE_TARGET", other)
    with pytest.raises(TargetError, match=f"CHAINRULE_TARGET={other} asks for"):
        host()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("sse2", ["x86-64"]),
        ("sse2 avx avx2", ["x86-64"]),
        ("avx2 fma bmi1 bmi2 f16c movbe", ["x86-64-v3", "x86-64"]),
        (
            "avx2 fma bmi1 bmi2 f16c movbe avx512f avx512bw avx512cd avx512dq avx512vl",
            ["x86-64-v4", "x86-64-v3", "x86-64"],
        ),
        ("avx2 fma bmi1 bmi2 f16c movbe avx512f", ["x86-64-v3", "x86-64"]),
    ],
)
def test_what_an_x86_processor_can_run(monkeypatch, flags, expected):
    monkeypatch.setattr(target, "_x86_flags", lambda: set(flags.split()))
    assert target._able("x86_64") == expected


def test_other_processors_are_refused_by_name():
    with pytest.raises(TargetError, match="'riscv64'"):
        target._able("riscv64")


def test_caches_as_linux_tells_of_them(tmp_path):
    entries = [("Data", 1, "48K"), ("Instruction", 1, "32K"), ("Unified", 3, "260M")]
    for i, entry in enumerate(entries):
        index = tmp_path / f"index{i}"
        index.mkdir()
        for name, text in zip(("type", "level", "size"), entry, strict=True):
            (index / name).write_text(f"{text}\n")
    (tmp_path / "index9").mkdir()
    found = target._linux_caches(tmp_path)
    assert found == {1: 48 * 1024, 3: 260 * 1024**2}


@pytest.mark.parametrize(
    ("name", "system"), [("aarch64", "darwin"), ("aarch64", "win32")]
)
def test_the_register_of_the_system_is_left_alone(name, system):
    assert "+reserve-x18" in named(name, system).features
    assert "x18" not in named(name, "linux").features


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"cpu.max": "max 100000\n"}, sys.maxsize),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "1000 100000\n"}, 1),
        (
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            sys.maxsize,
        ),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({}, sys.maxsize),
    ],
)
def test_a_container_s_share_of_the_cores(tmp_path, texts, expected):
    (tmp_path / "cpu").mkdir()
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert target._quota(tmp_path) == expected
