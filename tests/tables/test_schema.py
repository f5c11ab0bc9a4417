from chainrule.tables import infer_schema


def test_the_summary_of_classes():
    table = {
        "age": [30, None, 50, 40] * 5,
        "sex": ["f", None, "m", None] * 5,
        "name": [f"n{i}" for i in range(20)],
        "kind": ["a", "b", "b", "b"] * 5,
    }
    assert infer_schema(table, "kind").summary == [
        "20 rows, 4 columns",
        "inputs: 1 number, 1 category; 15 values missing (sex 10 and age 5)",
        "left out: name (text that differs in nearly every row, such as 'n0')",
        "target: kind, 2 classes: b 15 (75.0%) and a 5 (25.0%)",
    ]


def test_the_summary_of_a_regression():
    table = {"x": [1, 2, 3], "z": [0, 0, 0], "price": [1.5, None, 3.5]}
    assert infer_schema(table, "price").summary == [
        "2 rows, 3 columns",
        "inputs: 1 number, 0 categories; no value is missing",
        "left out: z (always 0)",
        "target: price, a number from 1.5 to 3.5 (regression)",
        "1 row without a 'price' left out",
    ]


def test_long_lists_are_cut():
    table = {f"c{i}": [1, None] for i in range(50)} | {"y": ["a", "b"]}
    _, line, _ = infer_schema(table, "y").summary
    assert line.endswith("50 values missing (c0 1, c1 1, c2 1, c3 1, c4 1 and 45 more)")
