import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from filters.perceptual import perceptual_hashes
from filters.tones import BYTES, SIDE, agreement, tones

GROUND = 3.25 * 256


def with_steps(cells):
    """Tones that are plain, but for the steps of the cells given as (row, column)."""
    made = np.zeros((SIDE, SIDE), np.uint8)
    for cell, step in cells.items():
        made[cell] = step & 15
    pairs = made.reshape(-1, 2)
    return (pairs[:, 0] << 4 | pairs[:, 1]).tobytes()


def steps(packed):
    """The 32 x 32 steps of what `tones` gives."""
    pairs = ((byte >> 4, byte & 15) for byte in packed)
    return np.array([(step ^ 8) - 8 for pair in pairs for step in pair]).reshape(SIDE, SIDE)


def agree(one, other):
    return float(agreement(*(np.frombuffer(packed, np.uint8)[None] for packed in (one, other)))[0])


def test_a_plain_picture_has_no_tones_and_agrees_with_any_plain_one():
    assert tones(np.zeros((64, 64))) == tones(np.full((64, 64), 255.0)) == bytes(BYTES)
    assert agree(bytes(BYTES), bytes(BYTES)) == 1


def test_tones_are_in_quarters_of_the_deviation_and_end_at_seven():
    halves = np.zeros((64, 64))
    halves[:, 32:] = 200
    assert steps(tones(halves))[0].tolist() == [-4] * 15 + [-3, 3] + [4] * 15, "an eighth comes from the neighbour"
    lone = np.zeros((64, 64))
    lone[6:8, 10:12] = 255
    told = steps(tones(lone))
    assert told[3, 5] == 7
    assert np.flatnonzero(told.any(axis=1)).tolist() == [2, 3, 4], "the cells beside it have a little of it"
    assert np.array_equal(told[2:5, 4:7], told[2:5, 4:7].T)


def test_a_turned_picture_has_turned_tones_to_its_very_border():
    rough = np.random.default_rng(2).integers(0, 256, (64, 64))
    turned = [steps(tones(np.rot90(rough, turns))) for turns in range(4)]
    assert all(np.array_equal(np.rot90(turned[0], turns), turned[turns]) for turns in range(4))


def test_faint_noise_is_not_blown_up():
    faint = np.zeros((64, 64))
    faint[:, 32:] = 1  # a deviation of half a tone counts as one of two
    assert set(steps(tones(faint))[0]) == {-1, 1}


def test_brightness_and_contrast_take_no_part():
    rough = np.random.default_rng(3).integers(0, 60, (64, 64))
    assert tones(rough) == tones(rough * 4) == tones(rough * 2 + 100)


@pytest.mark.parametrize("cell", [(0, 0), (1, 2), (3, 3), (4, 4), (16, 1), (31, 31)])
def test_one_cell_counts_wherever_it_lies(cell):
    variance = 7 * 7 * 16 - 7 * 7  # 256 times that of a tile of which one step is 7
    told = agree(with_steps({cell: -7}), bytes(BYTES))
    assert told == pytest.approx(np.sqrt(GROUND / (GROUND + variance)), abs=1e-9)


@pytest.mark.parametrize("at", [(3, 3), (0, 3), (3, 8), (5, 5)])
def test_what_lies_across_two_cells_is_seen_in_one_tile(at):
    two = with_steps({at: 7, (at[0] + 1, at[1] + 1): 7})
    variance = 49 * 2 * 16 - 14 * 14
    assert agree(two, bytes(BYTES)) == pytest.approx(np.sqrt(GROUND / (GROUND + variance)), abs=1e-9)


def test_two_that_differ_as_much_on_the_ground_of_a_rough_tile_agree_better():
    rough = {(row, column): 7 * (-1) ** (row + column) for row in range(4) for column in range(4)}
    marked = agree(with_steps(rough | {(1, 1): 0}), with_steps(rough))
    assert marked > agree(with_steps({(1, 1): 7}), bytes(BYTES))


def test_an_opposite_tile_disagrees():
    rough = np.random.default_rng(1).integers(0, 256, (64, 64)).astype(np.float32)
    assert agree(tones(rough), tones(rough)) == 1
    assert agree(tones(rough), tones(255 - rough)) < 0


def test_none_are_compared_with_none():
    none = np.empty((0, BYTES), np.uint8)
    assert agreement(none, none).tolist() == []


packed = st.binary(min_size=BYTES, max_size=BYTES)


@settings(max_examples=40, deadline=None)
@given(one=packed, other=packed)
def test_agreement_is_symmetric_and_a_correlation(one, other):
    assert agree(one, other) == agree(other, one)
    assert -1 <= agree(one, other) <= 1
    assert agree(one, one) == 1


def scene():
    rough = np.random.default_rng(4).integers(0, 256, (12, 16), dtype=np.uint8)
    return Image.fromarray(rough).resize((320, 240), Image.Resampling.BICUBIC)


def test_a_shrunken_copy_agrees_and_one_with_another_letter_on_it_does_not():
    seen = []
    for letter in "해밭":
        marked = scene()
        box = (120, 90, 200, 150)
        ImageDraw.Draw(marked).rectangle(box, fill=255)
        ImageDraw.Draw(marked).rectangle((140, 100, 150 if letter == "해" else 180, 140), fill=0)
        seen.append(marked)
    seen.append(seen[0].resize((160, 120)))
    told = [perceptual_hashes(np.asarray(picture)) for picture in seen]
    assert agree(told[0].tones, told[2].tones) > 0.95
    assert agree(told[0].tones, told[1].tones) < 0.85
