import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.container import sniff
from filters.content_credentials import MAX_BOXES, MAX_DEPTH, training_consent
from tests.content_credentials import (
    IN,
    assertion,
    box,
    cbor,
    in_gif,
    in_jpeg,
    in_png,
    in_webp,
    manifest,
    picture,
    store,
    superbox,
    training_mining,
)

NO = training_mining(ai_training="notAllowed")
YES = training_mining(ai_training="allowed", ai_generative_training="allowed", data_mining="allowed")


def said(data):
    return training_consent(data, sniff(data))


def refuses(*assertions):
    found = said(in_png(store(manifest(*assertions))))
    return found is not None and not found.allowed


@pytest.mark.parametrize("kind", IN)
def test_every_format_carries_it(kind):
    refused, allowed = (said(IN[kind](store(manifest(words)))) for words in (NO, YES))
    assert refused.channel == allowed.channel == "c2pa"
    assert (refused.allowed, allowed.allowed) == (False, True)
    assert refused.value == 'c2pa.training-mining {"c2pa.ai_training":"notAllowed"}'


@pytest.mark.parametrize("kind", IN)
def test_an_image_that_says_nothing_states_nothing(kind):
    assert said(picture(kind)) is None
    assert said(IN[kind](store(manifest()))) is None


@pytest.mark.parametrize("label", ["c2pa.training-mining", "cawg.training-mining", "cawg.training-mining__2"])
@pytest.mark.parametrize("entry", ["ai_generative_training", "ai_training", "data_mining", "a_later_name"])
@pytest.mark.parametrize("use", ["notAllowed", "constrained", "NOTALLOWED", "not allowed", "", "perhaps"])
def test_what_is_not_allowed_is_refused(label, entry, use):
    assert refuses(training_mining(label, **{entry: use, "ai_inference": "allowed"}))


@pytest.mark.parametrize(
    "uses",
    [
        {"ai_inference": "notAllowed"},
        {"ai_training": "allowed", "ai_inference": "constrained"},
        {"ai_training": "Allowed"},
        {"ai_training": " allowed "},
        {},
    ],
)
def test_what_does_not_refuse_training_is_not_refused(uses):
    assert not refuses(training_mining("cawg.training-mining", **uses))


def test_one_refusal_among_several_entries_and_assertions_is_enough():
    assert refuses(training_mining(ai_training="allowed", data_mining="notAllowed"))
    assert refuses(YES, training_mining("cawg.training-mining", ai_training="constrained"))


def test_json_assertions_are_read_as_well():
    words = b'{"entries": {"cawg.ai_training": {"use": "notAllowed", "constraint_info": "ask"}}}'
    assert refuses(assertion("cawg.training-mining", words, kind=b"json"))
    assert not refuses(assertion("cawg.training-mining", words.replace(b"notAllowed", b"allowed"), kind=b"json"))


def test_a_use_written_without_its_map_is_read():
    assert refuses(assertion("c2pa.training-mining", {"entries": {"c2pa.ai_training": "notAllowed"}}))
    assert refuses(assertion("c2pa.training-mining", {"entries": {"c2pa.ai_training": 0}}))


def test_the_active_manifest_decides_and_else_any_before_it():
    no, yes, silent = manifest(NO), manifest(YES), manifest()
    assert said(in_png(store(no, yes))).allowed
    assert not said(in_png(store(yes, no))).allowed
    assert not said(in_png(store(no, yes, silent))).allowed
    assert said(in_png(store(yes, silent))).allowed


@pytest.mark.parametrize("packet", [40, 100, 60_000])
def test_a_store_in_many_packets_is_put_together(packet):
    data = in_jpeg(store(manifest(NO)), packet=packet)
    assert not said(data).allowed
    assert "unreadable" not in said(data).value


BROKEN = {
    "cut off": store(manifest(NO))[:-20],
    "a box too long": superbox(b"c2pa", "c2pa", manifest(NO)[:3] + b"\xff" + manifest(NO)[4:]),
    "no entries": store(manifest(assertion("c2pa.training-mining", {}))),
    "entries of a list": store(manifest(assertion("c2pa.training-mining", {"entries": [1]}))),
    "not CBOR": store(manifest(assertion("c2pa.training-mining", b"\xff\xff"))),
    "JSON cut off": store(manifest(assertion("cawg.training-mining", b'{"entries"', kind=b"json"))),
    "JSON too deep": store(manifest(assertion("cawg.training-mining", b"[" * 100_000, kind=b"json"))),
    "CBOR too deep": store(manifest(assertion("cawg.training-mining", b"\x81" * 100_000))),
    "no content": store(manifest(superbox(b"cbor", "c2pa.training-mining"))),
    "content of another kind": store(manifest(assertion("c2pa.training-mining", b"x", kind=b"uuid"))),
    "boxes too deep": superbox(b"c2pa", "training-mining", box(b"jumb", b"") * 0)
    + b"".join(box(b"jumb", b"") for _ in range(1)),
    "redacted": store(manifest(assertion("c2pa.training-mining", b"\0" * 40))),
    "allowed and then broken": store(manifest(YES)) + b"\0\0\0\x03jumb",
    "compressed": store(superbox(b"c2cm", "urn:uuid:1", box(b"brob", b"jumb" + b"\x0b\x02"))),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_store_that_names_training_refuses(case):
    found = said(in_png(BROKEN[case]))
    assert not found.allowed
    assert "unreadable" in found.value


def test_a_broken_store_that_names_nothing_states_nothing():
    assert said(in_png(store(manifest())[:-9])) is None
    assert said(in_png(b"jumb")) is None


def nested(depth):
    inner = training_mining(ai_training="allowed")
    for _ in range(depth):
        inner = box(b"jumb", inner)
    return inner


def test_the_limits():
    assert said(in_png(nested(MAX_DEPTH))).allowed
    assert "deep" in said(in_png(nested(MAX_DEPTH + 1))).value
    assert "deep" in said(in_png(nested(2_000))).value
    many = superbox(b"c2pa", "c2pa", box(b"free", b"") * MAX_BOXES, manifest(YES))
    assert "boxes" in said(in_png(many)).value
    wide = assertion("c2pa.training-mining", {"entries": {f"c2pa.{n}": {"use": "allowed"} for n in range(3_000)}})
    assert len(said(in_png(store(manifest(wide)))).value) == 500


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xeb\0\x04JPjumb",
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0caBX\0\0\0\0" * 50_000 + b"jumb training-mining",
        b"RIFF\0\0\0\0WEBP" + b"C2PA\0\0\0\0" * 50_000 + b"jumb training-mining",
        b"GIF89a" + b"\x21\xff\x0bC2PA_GIF\x01\0\0" * 20_000 + b"jumb training-mining",
        b"\0\0\0\x10ftypavif" + b"\0\0\0\0" + b"\0\0\0\x08uuid" * 50_000 + b"jumb training-mining",
        b"\0\0\0\0ftypavif" + b"jumb training-mining",
    ],
)
def test_hostile_files_end_soon_in_an_answer(data):
    start = time.process_time()
    found = said(data)
    assert found is None or not found.allowed
    assert time.process_time() - start < 2


GOOD = [in_jpeg(store(manifest(NO)), packet=90), in_png(store(manifest(NO))), in_webp(store(manifest(NO)))]
GOOD.append(in_gif(store(manifest(NO))))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(GOOD), st.integers(0, 10**6), st.integers(0, 255), st.booleans())
def test_no_change_of_a_byte_raises_and_none_turns_the_refusal_into_leave(data, at, value, cut):
    at %= len(data)
    changed = data[:at] if cut else data[:at] + bytes([value]) + data[at + 1 :]
    found = training_consent(changed, sniff(changed))
    assert found is None or not found.allowed


def test_the_encoder_of_these_tests_writes_what_the_standard_shows():
    assert cbor({"a": 1, "b": [2, 3]}).hex() == "a26161016162820203"
