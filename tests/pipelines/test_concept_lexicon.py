import unicodedata

import pytest

from filters.concepts import LEXICON_VERSION, Concept, lexicon
from pipelines.concept_lexicon import NOTHING_ADDED, AddedConcepts, Concepts, read_added
from pipelines.errors import InputRefused
from schemas.identity import sha256_hex

HEAD = f"# concepts\tversion {LEXICON_VERSION}\tcategory 빵\nname\taliases\thomographs\tcontext\tunrelated\n"
GOOD = HEAD + "하르방빵\t하루방빵|제주 하르방빵\t\t\t\n오메기빵\t\t\t\t\n"


def write(tmp_path, text, name="mine.tsv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_entries_are_added_with_their_category_and_the_digest_of_their_file(tmp_path):
    path = write(tmp_path, GOOD)
    other = write(tmp_path, HEAD.replace("빵", "음식") + "쑥빵떡\t\t\t\t\n", "other.tsv")
    found = read_added(Concepts(lexicons=(path, other)))
    assert [entry.name for entry in found.entries] == ["하르방빵", "오메기빵", "쑥빵떡"]
    assert found.entries[0] == Concept("하르방빵", "빵", ("하루방빵", "제주 하르방빵"))
    assert found.digests[0] == sha256_hex(GOOD.encode())
    categories = found.categories()
    assert (categories["하르방빵"], categories["쑥빵떡"], categories["돌하르방"]) == ("빵", "음식", "문화유산")
    assert len(categories) == len(lexicon()) + 3


def test_nothing_is_added_where_no_file_is_named():
    assert read_added(Concepts()) == NOTHING_ADDED == AddedConcepts((), ())


def test_decomposed_hangul_is_composed_as_captions_are(tmp_path):
    path = write(tmp_path, unicodedata.normalize("NFD", GOOD))
    assert read_added(Concepts(lexicons=(path,))).entries[0].forms() == ("하르방빵", "하루방빵", "제주하르방빵")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"mine\.tsv:1: the line must say"),
        ("name\taliases\n", r"mine\.tsv:1: the line must say"),
        (GOOD.replace("category 빵", "category "), r"mine\.tsv:1: the line must say"),
        (GOOD.replace("version 1", "version 0"), r"mine\.tsv:1: the line must say"),
        (GOOD.replace("unrelated", "other"), r"mine\.tsv:2: the columns must be name, aliases"),
        (GOOD + "쑥빵떡\n", r"mine\.tsv:5: there are 1 columns and not 5; mend the line"),
        (GOOD + "\n", r"mine\.tsv:5: there are 1 columns and not 5"),
        (GOOD + "\t쑥\t\t\t\n", r"mine\.tsv:5: the name '' is empty"),
        (GOOD + "쑥, 빵\t\t\t\t\n", r"mine\.tsv:5: the name '쑥, 빵' is empty, holds a comma"),
        (GOOD + "하르방빵\t\t\t\t\n", r"mine\.tsv:5: the name '하르방빵' .* stands twice"),
        (GOOD + "쑥빵떡\t \t\t\t\n", r"mine\.tsv:5: a word of 쑥빵떡 is empty"),
        (GOOD + "쑥빵떡\t\t쑥\t!\t\n", r"mine\.tsv:5: a word of 쑥빵떡 is empty"),
        (GOOD + "쑥빵떡\t\t쑥\t\t\n", r"mine\.tsv:5: homographs and context words come together"),
        (GOOD + "돌하르방\t\t\t\t\n", r"mine\.tsv: 돌하르방 is an entry already; remove its line"),
        (GOOD.encode("cp949"), r"mine\.tsv: is not UTF-8 text"),
    ],
)
def test_a_bad_line_is_told_with_its_place(tmp_path, text, message):
    with pytest.raises(InputRefused, match=message) as refused:
        read_added(Concepts(lexicons=(write(tmp_path, text),)))
    assert str(refused.value).startswith("concepts.lexicons: ")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_and_a_name_in_two_files_are_told(tmp_path):
    with pytest.raises(InputRefused, match=r"none\.tsv: cannot be read \(No such file or directory\); mend the path"):
        read_added(Concepts(lexicons=(str(tmp_path / "none.tsv"),)))
    paths = (write(tmp_path, GOOD), write(tmp_path, GOOD, "again.tsv"))
    with pytest.raises(InputRefused, match=r"again\.tsv: 하르방빵 is an entry already"):
        read_added(Concepts(lexicons=paths))
