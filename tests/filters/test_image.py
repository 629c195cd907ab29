import cv2
import msgspec
import numpy as np
import pytest

from filters.image import (
    ImageAspect,
    ImageBlank,
    ImageBlurred,
    ImageBorder,
    ImageEntropy,
    ImageFilter,
    ImageGrey,
    ImageIcon,
    ImageMinSide,
    ImageScreenshot,
    default_filters,
    measure,
    score_of,
)
from schemas.reasons import NO_REASON, Outcome, Reason
from schemas.records import ImageRow, Score

ALL = (
    ImageMinSide,
    ImageAspect,
    ImageBlank,
    ImageBlurred,
    ImageEntropy,
    ImageBorder,
    ImageScreenshot,
    ImageIcon,
    ImageGrey,
)


def row(**scores):
    empty = {"str": "", "int": 0, "bool": False}
    fields = {name: empty.get(hint) for name, hint in ImageRow.__annotations__.items()}
    return ImageRow(**{**fields, "consent": [], "scores": [Score(name, value) for name, value in scores.items()]})


def scores(pixels, raw_bytes=1000, original=None):
    pixels = np.ascontiguousarray(pixels, np.uint8)
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    original = original or (pixels.shape[1], pixels.shape[0])
    return dict(measure(pixels, luma, raw_bytes=raw_bytes, original=original))


def noise(height=300, width=400, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3))


def page_of_text():
    page = np.full((512, 400, 3), 255, np.uint8)
    for line in range(12):
        for stroke in range(60):
            x, y = 20 + 6 * stroke, 30 + 40 * line
            page[y : y + 12, x : x + 3] = 0
    return page


@pytest.mark.parametrize(
    ("judge", "score", "threshold", "below", "reason"),
    [
        (ImageMinSide(), "short_side", 200, True, Reason.IMAGE_TOO_SMALL),
        (ImageAspect(), "aspect", 3.0, False, Reason.IMAGE_ASPECT),
        (ImageBlank(), "grey_std", 4.0, True, Reason.IMAGE_BLANK),
        (ImageBlurred(), "sharpness", 20.0, True, Reason.IMAGE_BLURRED),
        (ImageEntropy(), "entropy", 1.0, True, Reason.IMAGE_LOW_ENTROPY),
        (ImageBorder(), "border_share", 0.5, False, Reason.IMAGE_BORDERED),
        (ImageScreenshot(), "screenshot_share", 0.35, False, Reason.IMAGE_SCREENSHOT),
        (ImageGrey(), "colourfulness", 3.0, True, Reason.IMAGE_GREY),
    ],
)
def test_each_filter_drops_past_its_threshold_only(judge, score, threshold, below, reason):
    past = threshold - 0.001 if below else threshold + 0.001
    assert judge.decide(row(**{score: past})) == (Outcome.DROP, reason, past, threshold)
    assert judge.decide(row(**{score: threshold})) == (Outcome.KEEP, NO_REASON, threshold, threshold)
    assert judge.decide(row()) == (Outcome.UNKNOWN, NO_REASON, None, threshold)
    assert judge.reasons == {reason}


def test_a_threshold_of_zero_is_a_threshold():
    assert ImageAspect(max_aspect=0).decide(row(aspect=1.0)).outcome is Outcome.DROP
    assert ImageMinSide(min_side=0).decide(row(short_side=0.0)).outcome is Outcome.KEEP


def test_an_icon_is_small_and_of_few_colours():
    judge = ImageIcon(max_side=128, min_colours=64)
    assert judge.decide(row(short_side=64.0, aspect=2.0, colours=63.0)) == (Outcome.DROP, Reason.IMAGE_ICON, 63, 64)
    assert judge.decide(row(short_side=64.0, aspect=2.0, colours=64.0)).outcome is Outcome.KEEP
    assert judge.decide(row(short_side=64.0, aspect=2.0156, colours=3.0)).outcome is Outcome.KEEP
    assert judge.decide(row(short_side=64.0, aspect=2.0)).outcome is Outcome.UNKNOWN
    assert judge.decide(row(colours=3.0)).outcome is Outcome.UNKNOWN


def test_a_workflow_names_filters_by_type():
    text = b'[{"type": "image_min_side", "min_side": 150}, {"type": "image_grey"}]'
    assert msgspec.json.decode(text, type=tuple[ImageFilter, ...]) == (ImageMinSide(min_side=150), ImageGrey())
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(b'[{"type": "image_grey", "min_colorfulness": 3}]', type=tuple[ImageFilter, ...])
    for kind in ALL:
        assert msgspec.json.decode(msgspec.json.encode(kind()), type=ImageFilter) == kind()
        assert msgspec.json.encode(kind()).startswith(f'{{"type":"{kind.name}"'.encode())


def test_the_default_filters_pass_a_good_picture_and_are_all_known_by_its_scores():
    pixels = cv2.GaussianBlur(noise().astype(np.uint8), (9, 9), 0)
    good = row(**scores(pixels))
    assert {judge.decide(good).outcome for judge in default_filters()} == {Outcome.KEEP}


def test_every_filter_finds_its_score_among_the_measures():
    measured = row(**scores(noise(100, 100)))
    assert all(kind().decide(measured).outcome is not Outcome.UNKNOWN for kind in ALL)


def test_a_missing_score_is_none():
    assert score_of(row(aspect=2.0), "aspect") == 2.0
    assert score_of(row(aspect=2.0), "entropy") is None


def test_sides_and_bytes_are_the_originals():
    measured = scores(noise(100, 300), raw_bytes=6000, original=(600, 200))
    assert (measured["short_side"], measured["aspect"], measured["bytes_per_pixel"]) == (200, 3, 0.05)


def test_a_blank_picture():
    measured = scores(np.full((300, 400, 3), 200))
    assert (measured["grey_std"], measured["sharpness"], measured["entropy"]) == (0, 0, 0)
    assert (measured["border_share"], measured["flat_share"], measured["screenshot_share"]) == (1, 1, 0)
    assert (measured["colours"], measured["colourfulness"]) == (1, 0)


def test_half_black_half_white_is_one_bit():
    halves = np.zeros((256, 256, 3))
    halves[:, 128:] = 255
    measured = scores(halves)
    assert measured["entropy"] == 1.0
    assert measured["grey_std"] == 127.5
    assert measured["colours"] == 2


def test_letterbox_bars_are_border():
    boxed = noise(200, 200)
    boxed[:50] = 0
    boxed[-50:] = 3  # compression leaves a few levels
    assert scores(boxed)["border_share"] == pytest.approx(0.5, abs=0.01)
    framed = np.full((200, 200, 3), 255)
    framed[50:150, 50:150] = noise(100, 100)
    assert scores(framed)["border_share"] == pytest.approx(0.75, abs=0.01)
    assert scores(noise(200, 200))["border_share"] == 0


def test_blur_lowers_sharpness():
    sharp = noise().astype(np.uint8)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 12)
    assert scores(blurred)["sharpness"] < 5 < 1000 < scores(sharp)["sharpness"]


def test_colourfulness_is_that_of_hasler_and_suesstrunk():
    picture = noise(48, 48)
    red, green, blue = picture.reshape(-1, 3).astype(float).T
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    expected = np.hypot(red_green.std(), yellow_blue.std()) + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean())
    assert scores(picture)["colourfulness"] == pytest.approx(expected, rel=1e-4)


def test_text_is_like_a_screenshot_and_noise_and_discs_are_not():
    disc = np.full((300, 300, 3), 255, np.uint8)
    cv2.circle(disc, (150, 150), 100, (200, 40, 40), -1)
    assert scores(page_of_text())["screenshot_share"] > 0.35
    assert scores(noise())["screenshot_share"] < 0.05
    assert scores(disc)["screenshot_share"] < 0.35


@pytest.mark.parametrize("size", [(1, 1), (1, 512), (512, 1), (2, 2), (3, 400)])
def test_the_smallest_pictures_are_measured(size):
    measured = scores(noise(*size))
    assert len(measured) == 11
    assert all(np.isfinite(value) for value in measured.values())


def test_scores_are_plain_floats_in_a_fixed_order():
    assert list(scores(noise(9, 9))) == [
        "short_side", "aspect", "bytes_per_pixel", "grey_std", "sharpness", "entropy", "colourfulness",
        "border_share", "flat_share", "screenshot_share", "colours",
    ]  # fmt: skip
    assert {type(value) for value in scores(noise(40, 40)).values()} == {float}
