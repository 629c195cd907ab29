import hashlib
from itertools import islice, product

import fasttext
import numpy as np
import pytest

from filters.morphology import Morpheme, analyze
from filters.translated import score_with
from pipelines.errors import InputRefused
from pipelines.train import MAX_MODEL_BYTES, MIN_LINES, Labelled, auroc, balanced, read_labelled, scores, train
from pipelines.train_card import Row, SourceFigures, table

WHO = ["할머니", "동생", "이웃", "선생님", "아이들", "친구", "관광객", "농부", "해녀", "상인", "학생", "군인"]
WHERE = ["시장", "바닷가", "마당", "학교 앞", "논두렁", "골목길", "버스 안", "산 중턱", "부엌", "궁궐"]
WHAT = ["감", "그물", "연", "책", "떡", "배추", "사진", "꽃", "한복", "장구", "국수"]
NATIVE = [
    "{who}가 {where}에서 {what} 들고 웃네요 ㅋㅋ",
    "어제 {where} 갔더니 {who}랑 {what} 팔더라고요~",
    "{what} 보니까 {who} 생각나서 {where}까지 걸어갔지",
    "{where} {what} 축제 {who} 참가 모습, 진짜 볼만해요!",
]
TRANSLATED = [
    "그들은 {where}에서 {who}에 의해 주어진 {what}을 가지고 있었습니다.",
    "당신은 {who}의 {what}이 {where}에 있는 것을 볼 수 있습니다.",
    "그것은 {where}에 대한 것이며, {who}는 그의 {what}을 사용하기로 결정했습니다.",
    "한 {who}가 하나의 {what}을 그녀의 {where}에 놓고 있는 중이다.",
]


def lines(label, source, patterns, first, last):
    texts = (p.format(who=a, where=b, what=c) for a, b, c, p in product(WHO, WHERE, WHAT, patterns))
    return [f"{label}\t{source}\t{text}" for text in islice(texts, first, last)]


def written(path, rows, note="# made up for the tests, no licence needed"):
    path.write_text("\n".join([note, *rows]) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled")
    native = lines("native", "diary", NATIVE, 0, 700) + lines("native", "market", NATIVE, 700, 1400)
    translated = lines("translated", "novel", TRANSLATED, 0, 700) + lines("translated", "guide", TRANSLATED, 700, 1400)
    held = lines("native", "unseen", NATIVE, 3000, 3100) + lines("translated", "unseen", TRANSLATED, 3000, 3100)
    return (
        [written(folder / "native.tsv", native), written(folder / "translated.tsv", translated)],
        [written(folder / "held.tsv", held)],
    )


@pytest.fixture(scope="module")
def trained(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "model"
    return out, train(files[0], out, files[1])


def test_the_same_files_give_the_same_bytes(files, trained, tmp_path):
    out, figures = trained
    # Memory that is not clean must not find its way into the model: it is trained a second time in this process.
    again = train(list(reversed(files[0])), tmp_path)
    data = (out / "translated.ftz").read_bytes()
    assert (tmp_path / "translated.ftz").read_bytes() == data
    assert again.sha256 == figures.sha256 == hashlib.sha256(data).hexdigest()
    assert figures.size == len(data) <= MAX_MODEL_BYTES


def test_the_stored_model_tells_texts_of_unseen_sources_apart(trained):
    model = fasttext.FastText._FastText(model_path=str(trained[0] / "translated.ftz"))
    native, translated = analyze(
        ["막내가 운동장에서 공 들고 웃네요 ㅋㅋ", "그들은 공원에서 왕에 의해 주어진 칼을 가지고 있었습니다."]
    )
    assert score_with(model, native.tokens) < 0.3
    assert score_with(model, translated.tokens) > 0.7


def test_the_figures_name_every_source_once_and_hold_their_own_sources_out(trained):
    figures = trained[1]
    assert [(row.source, row.translated) for row in figures.left_out] == [
        ("diary", False),
        ("market", False),
        ("guide", True),
        ("novel", True),
    ]
    assert [(row.source, row.translated, len(row.scores)) for row in figures.held_out] == [
        ("unseen", False, 100),
        ("unseen", True, 100),
    ]
    assert figures.held_out[0].auroc == figures.held_out[1].auroc > 0.95
    assert figures.in_domain > 0.95


def test_the_card_has_files_notes_digests_and_figures_and_no_texts(files, trained):
    card = (trained[0] / "MODEL_CARD.md").read_text("utf-8")
    for path in [*files[0], *files[1]]:
        assert f"`{path.name}`: " in card
        assert hashlib.sha256(path.read_bytes()).hexdigest() in card
        assert str(path.parent) not in card
    assert "made up for the tests, no licence needed" in card
    assert trained[1].sha256 in card
    assert "| unseen | translated | 100 |" in card
    assert "한복" not in card


def test_a_label_is_refused_with_its_line(tmp_path):
    path = written(tmp_path / "a.tsv", ["native\tx\t한 문장입니다", "machine\tx\t한 문장입니다"])
    with pytest.raises(InputRefused, match=r"a\.tsv:3: not a labelled text"):
        read_labelled([path])


@pytest.mark.parametrize("line", ["native", "native\t한 문장", "native\t\t한 문장", "native\tx\t한\t문장"])
def test_a_line_of_another_shape_is_refused(tmp_path, line):
    with pytest.raises(InputRefused, match=r":2: not a labelled text"):
        read_labelled([written(tmp_path / "a.tsv", [line])])


def test_a_file_that_is_no_text_or_missing_is_refused(tmp_path):
    (tmp_path / "a.tsv").write_bytes(b"native\tx\t\xc7\xd1\n")
    for name in ("a.tsv", "none.tsv"):
        with pytest.raises(InputRefused, match=f"{name}: cannot be read as UTF-8"):
            read_labelled([tmp_path / name])


def test_a_class_with_too_few_lines_is_refused(files, tmp_path):
    with pytest.raises(InputRefused, match=f"0 usable lines labelled 'translated'; give at least {MIN_LINES}"):
        train(files[0][:1], tmp_path)
    with pytest.raises(InputRefused, match="0 usable lines labelled 'native'"):
        train([], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_source_cannot_be_trained_on_and_held_out(files, tmp_path):
    with pytest.raises(InputRefused, match="source diary is both trained on and held out"):
        train(files[0], tmp_path, files[0][:1])


def test_a_folder_that_cannot_be_made_is_refused(files, tmp_path):
    (tmp_path / "taken").write_text("a file", "utf-8")
    with pytest.raises(InputRefused, match="taken: cannot be made a folder"):
        train(files[0], tmp_path / "taken")


def test_texts_are_cleaned_counted_and_read_once(tmp_path):
    rows = ["native\tx\t그림 1. 한라산 정상의 백록담", "native\tx\t한라산 정상의 백록담", "native\tx\t산", ""]
    path = written(tmp_path / "a.tsv", rows)
    found, described = read_labelled([path])
    assert [row.text for row in found] == ["한라산 정상의 백록담"]
    assert described == [
        Row("a.tsv", 3, hashlib.sha256(path.read_bytes()).hexdigest(), ("made up for the tests, no licence needed",))
    ]


def tokens(words):
    return tuple(Morpheme("말", "NNG", 2 * place, 1) for place in range(words))


def test_both_classes_get_the_same_lengths_and_sources_equal_shares():
    rows = [Labelled(False, "big", f"a{i}", tokens(4 + i % 30)) for i in range(9000)]
    rows += [Labelled(False, "small", f"b{i}", tokens(4 + i % 30)) for i in range(1000)]
    rows += [Labelled(True, "only", f"c{i}", tokens(4 + i % 10)) for i in range(6000)]
    found = balanced(rows)

    def bins(label):
        return np.bincount([int(2 * np.log2(len(text))) for kind, text in found if kind == label], minlength=12)

    assert bins(True).sum() > 3000
    assert (bins(True) == bins(False)).all()
    assert found == balanced(reversed(rows))


def test_nothing_known_scores_a_half(trained):
    model = fasttext.FastText._FastText(model_path=str(trained[0] / "translated.ftz"))
    assert scores(model, [(), (Morpheme("𓀀", "W_X", 0, 1),)]).tolist() == [0.5, 0.5]
    assert scores(model, []).tolist() == []


def test_auroc_counts_ties_half():
    assert auroc(np.array([0.9, 0.8]), np.array([0.1, 0.2])) == 1.0
    assert auroc(np.array([0.1]), np.array([0.9])) == 0.0
    assert auroc(np.array([0.5, 0.7]), np.array([0.5, 0.6])) == (0.5 + 0 + 1 + 1) / 4
    assert np.isnan(auroc(np.array([]), np.array([0.5])))


def test_the_table_has_shares_above_each_threshold():
    row = SourceFigures("x", True, np.array([0.8, 0.85, 0.92, 1.0]), float("nan"))
    assert table([row]).splitlines()[-1] == "| x | translated | 4 | - | 75.0 % | 50.0 % | 25.0 % |"
