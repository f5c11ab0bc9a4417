from chainrule.drawing.canvas import Canvas


def test_lines_of_one_net_join():
    canvas = Canvas()
    canvas.across(0, 1, 0, 4)
    canvas.down(0, 2, 0, 2)
    canvas.across(0, 0, 2, 4)
    canvas.across(0, 2, 2, 4)
    assert str(canvas) == "  ╭──\n──┼──\n  ╰──"


def test_lines_of_two_nets_pass_each_other():
    canvas = Canvas()
    canvas.across(0, 1, 0, 4)
    canvas.down(1, 2, 0, 2)
    assert str(canvas) == "  │\n──│──\n  │"


def test_a_box_has_its_lines_in_the_middle():
    canvas = Canvas()
    canvas.box(0, 1, 8, ["x = 3", "ü"])
    assert str(canvas).splitlines() == [
        " ╭──────╮",
        " │x = 3 │",
        " │  ü   │",
        " ╰──────╯",
    ]


def test_wide_characters_and_accents_keep_the_box_in_shape():
    canvas = Canvas()
    canvas.box(0, 0, 8, ["数e\N{COMBINING ACUTE ACCENT}"])
    assert str(canvas).splitlines()[1] == "│ 数e\N{COMBINING ACUTE ACCENT}  │"
    assert canvas.characters[1, 7] == "│"


def test_nothing_is_drawn_as_nothing():
    assert str(Canvas()) == ""
