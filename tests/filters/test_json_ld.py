from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.json_ld import MAX_CHARACTERS, JsonImage, images_in


def test_image_object() -> None:
    block = {
        "@type": "ImageObject",
        "contentUrl": "a.jpg",
        "url": "page",
        "caption": "설명",
        "name": "이름",
        "width": 3,
    }
    assert images_in(json.dumps(block)) == [JsonImage("a.jpg", (("/caption", "설명"), ("/name", "이름")))]


def test_nested_graph_in_document_order() -> None:
    block = {
        "@graph": [
            {
                "@type": ["Article"],
                "name": "기사",
                "image": [{"@type": ["ImageObject"], "url": "1", "caption": "하나"}, "2"],
            },
            {"@type": "Organization", "logo": {"@type": "ImageObject", "url": "logo", "name": "로고"}},
            {"a/b~c": {"@type": "ImageObject", "url": "3", "description": "셋"}},
        ]
    }
    assert images_in(json.dumps(block)) == [
        JsonImage("1", (("/@graph/0/image/0/caption", "하나"),)),
        JsonImage("3", (("/@graph/2/a~1b~0c/description", "셋"),)),
    ]


@pytest.mark.parametrize("image", ["a.jpg", ["a.jpg"], {"@type": "ImageObject", "url": "a.jpg"}])
def test_the_name_of_a_subject(image: object) -> None:
    (found,) = images_in(json.dumps({"@type": "TouristAttraction", "name": "성산일출봉", "image": image}))
    assert found.url == "a.jpg"
    assert [text for _, text in found.captions] == ["성산일출봉"]
    assert images_in(json.dumps({"@type": "NewsArticle", "name": "성산일출봉", "image": image})) == []


@pytest.mark.parametrize(
    "text",
    [
        '<!-- {"@type":"ImageObject","url":"a","name":"이름"} -->',
        '//<![CDATA[\n{"@type":"ImageObject","url":"a","name":"이름"}\n//]]>',
        '{"@type":"ImageObject","url":"a","name":"이름",}',
        '[{"@type":"ImageObject","url":"a","name":"이름",},];',
        '\n{"@type":"ImageObject","url":"a","name":"이\t름"}\n',
    ],
)
def test_what_is_tolerated(text: str) -> None:
    (found,) = images_in(text)
    assert found.url == "a"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nonsense",
        "[" * 100_000,
        "1" * 10_000,
        '{"@type":"ImageObject","url":"a"}',
        '{"@type":"ImageObject","name":"n"}',
        '{"@type":{"x":1},"name":[],"image":3}',
        " " * MAX_CHARACTERS + '{"@type":"ImageObject","url":"a","name":"n"}',
    ],
)
def test_nothing_to_read(text: str) -> None:
    assert images_in(text) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["@type", "image", "name", "url", "caption", "logo", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_json_is_read(value: object) -> None:
    for image in images_in(json.dumps(value)):
        assert image.captions
