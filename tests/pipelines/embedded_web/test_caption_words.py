import pytest

from pipelines.embedded_web.backdrop import OUTDOORS
from pipelines.embedded_web.caption_words import WORDS
from pipelines.embedded_web.kinds import KINDS


def test_every_kind_has_words_and_the_other_way_round():
    assert set(WORDS) == set(KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_words_for_wherever_the_kind_may_stand(kind):
    backdrops = set(KINDS[kind].backdrops)
    assert bool(WORDS[kind].outdoors) == bool(backdrops & OUTDOORS)
    assert bool(WORDS[kind].indoors) == bool(backdrops - OUTDOORS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_indoors_nobody_speaks_of_the_weather(kind):
    assert not any("{때" in template for template in WORDS[kind].indoors)
