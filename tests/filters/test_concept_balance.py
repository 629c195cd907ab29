import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.base import filter_id
from filters.concept_balance import BalancedSample, ConceptBalance, NamedConcept, draw_of
from schemas.reasons import Outcome, Reason

T10 = ConceptBalance(concept_count=10)


def sample(number, **counts):
    return BalancedSample(f"{number:064x}", f"사진 {number}", tuple(NamedConcept(*pair) for pair in counts.items()))


def kept(rule, samples):
    return {one.sha256 for one in samples if rule.decide(one).outcome == Outcome.KEEP}


def test_a_concept_that_is_not_too_frequent_keeps_every_sample():
    for count in (1, 9, 10):
        decision = T10.decide(sample(1, 돌하르방=count))
        assert (decision.outcome, decision.reason, decision.threshold) == (Outcome.KEEP, "", 1.0)
        assert decision.score == draw_of(f"{1:064x}", "사진 1", "돌하르방")


def test_a_frequent_concept_keeps_about_as_many_as_asked_for():
    samples = [sample(n, 김치=2_000) for n in range(2_000)]
    found = kept(ConceptBalance(concept_count=500), samples)
    assert 440 < len(found) < 560  # 500, six standard deviations of 10 apart
    dropped = next(one for one in samples if one.sha256 not in found)
    decision = ConceptBalance(concept_count=500).decide(dropped)
    assert (decision.outcome, decision.reason, decision.threshold) == (Outcome.DROP, Reason.CONCEPT_BALANCED, 0.25)
    assert decision.score is not None
    assert decision.score >= 0.25


def test_a_sample_stays_where_any_of_its_concepts_keeps_it():
    frequent = next(one for one in (sample(n, 김치=10**6) for n in range(99)) if kept(T10, [one]) == set())
    both = frequent._replace(concepts=(*frequent.concepts, NamedConcept("돌하르방", 3)))
    assert T10.decide(both).outcome == Outcome.KEEP
    assert T10.decide(both).threshold == 1.0
    assert T10.weigh(both).concept.name == "돌하르방"
    assert T10.decide(both) == T10.decide(both._replace(concepts=both.concepts[::-1]))


def test_each_concept_draws_apart():
    draws = {draw_of("a", "b", name) for name in ("김치", "떡국", "한복")}
    assert len(draws) == 3
    assert draw_of("a", "bc", "d") != draw_of("ab", "c", "d")
    assert all(0 <= draw < 1 for draw in draws)


@pytest.mark.parametrize(("setting", "reason"), [("keep", ""), ("drop", Reason.CONCEPT_BALANCED)])
def test_the_workflow_says_what_becomes_of_a_sample_that_names_nothing(setting, reason):
    decision = ConceptBalance(concept_count=1, no_concept=setting).decide(sample(1))
    assert (decision.outcome, decision.reason, decision.score, decision.threshold) == (setting, reason, None, None)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 99), min_size=1, max_size=4), st.integers(1, 50), st.integers(0, 50))
def test_who_stays_for_a_smaller_count_stays_for_a_larger(counts, smaller, more):
    samples = [sample(n, **{f"개념{i}": count for i, count in enumerate(counts)}) for n in range(20)]
    less, larger = (kept(ConceptBalance(concept_count=t), samples) for t in (smaller, smaller + more))
    assert less <= larger


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="concept_count is at least 1"):
        ConceptBalance(concept_count=0)
    with pytest.raises(ValueError, match="no_concept is keep or drop"):
        ConceptBalance(concept_count=1, no_concept="maybe")
    with pytest.raises(msgspec.ValidationError, match="concept_count"):
        msgspec.convert({}, ConceptBalance)
    assert filter_id(T10) == "concept_balance@1"
