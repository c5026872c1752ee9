"""The trials of other trainings for the airfoil network."""

import sys

import pytest
import torch

from tools import ROOT

sys.path.insert(0, str(ROOT / "data" / "recipes"))
from airfoil_trials import TRIALS, left_out, train


def test_answers_for_training_cases_leave_the_case_out():
    torch.manual_seed(0)
    place, masks, fields = torch.rand(12, 2), torch.rand(12, 40), torch.rand(12, 3, 4, 4)
    answers = left_out(place, masks, fields, 10)
    for case in (0, 7):
        with_nonsense = fields.clone()
        with_nonsense[case] = 1000.0
        answer = left_out(place, masks, with_nonsense, 10)[case]
        # the mean of the fields still holds the case: a tenth of it, minus what its weight takes back
        assert (answer - answers[case]).abs().max() < 0.11 * 1000
        assert (answer - answers[case]).abs().max() > 0


@pytest.mark.parametrize("name", ["dropout", "residual"])
def test_trials_run(name):
    assert 0 < train(**{**TRIALS[name], "updates": 1}) < 1
