"""The exact reference of the probabilistic part: recomputed by differentiation, by quadrature and by sampling."""

import math

import pytest
import torch

from pbdl_helpers import mixtures
from pbdl_helpers.mixtures import Mixture, mode_statistics, sliced_wasserstein, two_peaks

TARGET = two_peaks(dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def plane(cells=800, low=-9.0, high=10.0):
    """Midpoints of a square grid that holds all the mass, and the area of a cell."""
    step = (high - low) / cells
    axis = low + (torch.arange(cells, dtype=torch.float64) + 0.5) * step
    return torch.cartesian_prod(axis, axis), step**2


def test_density_has_the_mass_and_the_moments_that_it_should():
    x, area = plane()
    p = TARGET.log_density(x).exp() * area
    mean, covariance = TARGET.moments()
    assert float(p.sum()) == pytest.approx(1, abs=1e-9)
    assert torch.allclose(p @ x, mean)
    assert torch.allclose((x * p[:, None]).T @ x - torch.outer(mean, mean), covariance)
    assert mean.tolist() == [1.5, 1.0] and covariance.tolist() == [[2.875, 1.5], [1.5, 1.625]]


def test_log_density_of_one_component_is_that_of_torch():
    stds = torch.tensor([[0.3, 2.0, 1.1]])
    single = Mixture(torch.ones(1), torch.tensor([[1.0, -1.0, 0.5]]), stds)
    x = single.sample(50, generator())
    peer = torch.distributions.Independent(torch.distributions.Normal(single.means[0], stds[0]), 1)
    assert torch.allclose(single.log_density(x), peer.log_prob(x), atol=1e-5)


def test_entropy_against_the_closed_form_and_samples():
    single = Mixture(torch.ones(1), torch.zeros(1, 2), torch.tensor([[0.5, 3.0]]))
    assert single.entropy() == pytest.approx(math.log(2 * math.pi * math.e) + math.log(1.5), abs=1e-9)
    samples = TARGET.log_density(TARGET.sample(200_000, generator()))
    assert TARGET.entropy() == pytest.approx(-float(samples.mean()), abs=4 * float(samples.std()) / 200_000**0.5)


def test_score_is_the_gradient_also_where_the_density_underflows():
    x = torch.cat([TARGET.sample(20, generator()), torch.tensor([[-5.0, -5.0], [400.0, -300.0]])]).requires_grad_()
    (gradient,) = torch.autograd.grad(TARGET.log_density(x).sum(), x)
    assert torch.allclose(TARGET.score(x.detach()), gradient)
    assert torch.allclose(two_peaks().score(torch.tensor([[-5.0, -5.0]])), torch.tensor([[5.0, 5.0]]), atol=1e-4)


@pytest.mark.parametrize(("a", "s"), [(1.0, 0.1), (0.6, 0.8), (0.3, 0.7), (0.0, 1.0), (1.0, 0.0)])
def test_expectations_are_those_of_bayes_rule(a, s):
    x = TARGET.diffused(a, s).sample(7, generator())
    data, noise = TARGET.expectations(x, a, s)
    assert torch.allclose(a * data + s * noise, x)
    if s:
        assert torch.allclose(-noise / s, TARGET.diffused(a, s).score(x))
        x_0, _ = plane()
        square = ((x[:, None] - a * x_0) ** 2).sum(-1) / (2 * s**2)
        weight = (TARGET.log_density(x_0) - square).softmax(1)
        assert torch.allclose(data, weight @ x_0, atol=1e-6)


def test_one_noise_level_for_each_sample():
    x, s = TARGET.sample(4, generator()), torch.tensor([[0.1], [0.5], [0.9], [1.0]], dtype=torch.float64)
    together = TARGET.expectations(x, 1 - s, s)
    for i, level in enumerate(s[:, 0].tolist()):
        single = TARGET.expectations(x[i : i + 1], 1 - level, level)
        assert all(torch.allclose(row[i], one[0]) for row, one in zip(together, single, strict=True))


def test_diffused_is_the_law_of_scaled_and_blurred_samples():
    noise = torch.randn(200_000, 2, dtype=torch.float64, generator=generator(1))
    x = 0.6 * TARGET.sample(200_000, generator()) + 0.8 * noise
    mean, covariance = TARGET.diffused(0.6, 0.8).moments()
    assert torch.allclose(x.mean(0), mean, atol=0.02) and torch.allclose(x.T.cov(), covariance, atol=0.03)


def test_samples_follow_the_weights_and_the_generator():
    uneven = Mixture(torch.tensor([0.9, 0.1]), torch.tensor([[0.0, 0.0], [50.0, 0.0]]), torch.ones(2, 2))
    x = uneven.sample(20_000, generator())
    assert float((x[:, 0] > 25).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert torch.equal(x, uneven.sample(20_000, generator())) and not torch.equal(
        x, uneven.sample(20_000, generator(1))
    )


def test_sliced_wasserstein_of_a_shift_a_stretch_and_a_permutation():
    x = TARGET.sample(3000, generator())
    shift = torch.tensor([0.6, -0.8], dtype=torch.float64)
    assert sliced_wasserstein(x, x + shift) == pytest.approx(1 / 2**0.5)
    assert sliced_wasserstein(x, x[torch.randperm(3000, generator=generator())]) == 0
    centred = x - x.mean(0)
    spread = float((centred**2).sum(1).mean())
    assert sliced_wasserstein(centred, 1.5 * centred) == pytest.approx(0.5 * (spread / 2) ** 0.5)
    assert sliced_wasserstein(x, x.clone().fill_(math.nan)) != sliced_wasserstein(x, x)  # not a number, not zero


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("far", [1e200, float("inf"), float("nan")])
def test_a_point_that_ran_away_makes_the_distance_infinite_or_undefined_without_a_warning(far):
    x = TARGET.sample(100, generator(0))
    x[3] = far
    assert not math.isfinite(sliced_wasserstein(x, TARGET.sample(100, generator(1))))


def test_five_per_cent_of_true_samples_lie_beyond_the_null_and_it_falls_with_their_number():
    null = mixtures.wasserstein_null(TARGET, 500)
    fresh = generator(7)
    beyond = [
        sliced_wasserstein(TARGET.sample(500, fresh), TARGET.sample(500, fresh)) > null.quantile for _ in range(300)
    ]
    assert 0.01 < sum(beyond) / 300 < 0.12
    assert 0 < null.mean < null.quantile
    large = mixtures.wasserstein_null(TARGET, 8000, repeats=50)
    assert large.quantile < 0.5 * null.quantile and large.mean < 0.5 * null.mean
    assert null == mixtures.wasserstein_null(TARGET, 500)


def test_mode_statistics_counts_what_is_lost():
    true = TARGET.sample(50_000, generator())
    found = mode_statistics(true, TARGET)
    assert found.lost == 0 and torch.allclose(found.weights, TARGET.weights, atol=0.02)
    assert torch.allclose(found.means, TARGET.means, atol=0.05) and torch.allclose(found.stds, TARGET.stds, atol=0.05)
    astray = torch.tensor([[60.0, 0.0], [math.nan, 0.0], [0.0, math.inf]], dtype=torch.float64)
    with_lost = mode_statistics(torch.cat([true[:97], astray]), TARGET)
    assert with_lost.lost == pytest.approx(0.03)
    assert torch.equal(with_lost.weights, mode_statistics(true[:97], TARGET).weights)


def test_mode_statistics_of_one_peak_or_none():
    found = mode_statistics(torch.zeros(10, 2, dtype=torch.float64), TARGET)
    assert found.weights.tolist() == [1, 0] and found.means[1].isnan().all() and found.stds[1].isnan().all()
    assert mode_statistics(torch.full((3, 2), math.inf, dtype=torch.float64), TARGET).lost == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Mixture(torch.ones(2) / 2, torch.zeros(1, 2), torch.ones(1, 2)), "2 weights do not fit 1"),
        (lambda: Mixture(torch.ones(1), torch.zeros(1, 2), torch.ones(1, 1)), "needs weights"),
        (lambda: Mixture(torch.ones(1), torch.zeros(1, 2), torch.zeros(1, 2)), "must be positive"),
        (lambda: Mixture(torch.ones(1) / 2, torch.zeros(1, 2), torch.ones(1, 2)), "sum to 1, got 0.5"),
        (lambda: TARGET.score(torch.zeros(3)), r"shape \(n, 2\)"),
        (lambda: TARGET.log_density(torch.zeros(3, 3)), r"shape \(n, 2\)"),
        (lambda: Mixture(torch.ones(1), torch.zeros(1, 3), torch.ones(1, 3)).entropy(), "two dimensions only"),
        (
            lambda: Mixture(
                torch.ones(2) / 2, torch.tensor([[0.0, 0.0], [100.0, 0.0]]), torch.full((2, 2), 0.01)
            ).entropy(),
            "too few for the narrowest peak",
        ),
        (lambda: sliced_wasserstein(torch.zeros(3, 2), torch.zeros(4, 2)), "same shape"),
        (lambda: mode_statistics(torch.zeros(0, 2), TARGET), "no sample"),
    ],
)
def test_bad_input_says_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
