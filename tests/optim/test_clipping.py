import numpy as np
import pytest

import chainrule as cr
from chainrule.optim import clip_by_norm, clip_by_value, global_norm


def gradients(dtype=np.float64):
    rng = np.random.default_rng(0)
    return {
        "W": cr.tensor(rng.normal(size=(3, 2)).astype(dtype)),
        "b": cr.tensor(rng.normal(size=2).astype(dtype)),
    }


def flat(found):
    return np.concatenate([g.numpy().ravel() for g in found.values()])


def test_global_norm():
    found = gradients()
    assert global_norm(found).item() == pytest.approx(np.linalg.norm(flat(found)))
    with pytest.raises(ValueError, match="there are no gradients"):
        global_norm({})


def test_clip_by_norm_keeps_the_direction():
    found = gradients()
    norm = np.linalg.norm(flat(found))
    clipped = clip_by_norm(found, norm / 10)
    np.testing.assert_allclose(flat(clipped), flat(found) / 10, rtol=1e-5)
    np.testing.assert_array_equal(flat(clip_by_norm(found, 2 * norm)), flat(found))
    assert clip_by_norm({}, 1.0) == {}


def test_clip_by_value():
    found = gradients()
    clipped = clip_by_value(found, 0.3)
    np.testing.assert_array_equal(flat(clipped), np.clip(flat(found), -0.3, 0.3))


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value])
def test_dtypes_stay_and_nan_is_not_hidden(clip):
    clipped = clip(gradients(np.float32), 0.1)
    assert {g.dtype for g in clipped.values()} == {np.dtype(np.float32)}
    assert np.isnan(clip({"w": cr.tensor([np.nan, 1.0])}, 0.1)["w"].numpy()).any()
    with pytest.raises(ValueError, match="the limit is above 0, not 0"):
        clip(gradients(), 0)
