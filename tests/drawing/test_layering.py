from chainrule.drawing.layering import assign_layers


def test_the_longest_way_decides():
    links = [(0, 1), (1, 2), (0, 2)]
    assert assign_layers(3, links) == [0, 1, 2]


def test_an_input_near_its_reader_stays_at_the_left():
    links = [(0, 1), (1, 2), (2, 4), (3, 4)]
    assert assign_layers(5, links) == [0, 1, 2, 0, 3]


def test_an_input_far_from_its_reader_moves_up_to_it():
    links = [(0, 1), (1, 2), (2, 3), (3, 5), (4, 5)]
    assert assign_layers(6, links) == [0, 1, 2, 3, 3, 4]


def test_a_constant_always_moves_up_to_its_reader():
    links = [(0, 1), (1, 2), (2, 4), (3, 4)]
    assert assign_layers(5, links, late=[3]) == [0, 1, 2, 2, 3]


def test_an_operation_on_an_input_moves_up_together_with_it():
    # x -> a -> b -> c -> d -> sum, and bias -> broadcast -> sum.
    links = [(0, 1), (1, 2), (2, 3), (3, 4), (5, 6), (4, 7), (6, 7)]
    assert assign_layers(8, links) == [0, 1, 2, 3, 4, 3, 4, 5]


def test_nodes_without_links_stand_at_the_left():
    assert assign_layers(2, []) == [0, 0]
