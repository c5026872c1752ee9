"""Numbers in the text that no notebook computes come from the scripts of its drawings."""

from tools.artwork import outside_answers, outside_errors


def test_errors_outside_the_samples_are_those_of_the_discussion():
    """book/surrogates/discussion.md: ranges of ten networks; here is one, with room for another processor."""
    errors = outside_errors(outside_answers(0))
    for inside in (*errors["invariance used"], errors["network"][0], errors["trend given"][0]):
        assert inside < 0.006
    for outside in (errors["network"][1], errors["trend given"][1]):
        assert outside > 5
