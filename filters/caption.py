"""What the caption filters judge: one cleaned text with its counts, and the words no caption is made of."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from filters.morphology import Morphemes

_HANGUL: Final = re.compile("[가-힣]")


class TextCounts(NamedTuple):
    """How often a text stands in the corpus. None: not counted.

    ``site_images`` and ``corpus_images`` are distinct image URLs that carry the text, on its site and anywhere;
    ``template_texts`` is the number of distinct texts of the site with the same `template_key`.
    """

    site_images: int | None
    corpus_images: int | None
    template_texts: int | None


NOT_COUNTED: Final = TextCounts(None, None, None)


class CaptionText(NamedTuple):
    """One cleaned caption as the filters see it.

    ``steps`` is what cleaning did, ``support`` the likelihood (0 to 1) that a text from such places describes its
    image, ``morphemes`` None before Kiwi.
    """

    text: str
    steps: tuple[str, ...]
    hangul: int
    letters: int
    counts: TextCounts
    support: float | None
    morphemes: Morphemes | None


def caption_text(text: str, steps: tuple[str, ...] = ()) -> CaptionText:
    """Return ``text`` with its Hangul syllables and letters counted, and nothing known about where it stands."""
    hangul = 0 if text.isascii() else len(_HANGUL.findall(text))
    return CaptionText(text, steps, hangul, sum(map(str.isalpha, text)), NOT_COUNTED, None, None)


# Words a page's own furniture is labelled with: a text of nothing else is no caption, a caption may hold any of them.
# These say that there is a picture, and not which: they speak neither for nor against the text beside it.
_PICTURE_WORDS: Final = """
이미지 사진 그림 자료 자료사진 썸네일 섬네일 대표 본문 기사 첨부 첨부파일 파일 미리보기 관련 상품 제품 상세
상세정보 상세페이지 페이지 게시물 게시글 글 포스트 포스팅 컨텐츠 콘텐츠 크게 크게보기 확대 확대보기 축소 원본
원본보기 보기 자세히 자세히보기 기본 기본이미지 배경 배경이미지 대체 대체텍스트 텍스트 없음 제목 제목없음 무제
빈 공백 슬라이드 갤러리 포토 스크린샷 캡처 캡쳐 캡처화면 화면캡처 예제 예시 샘플 설명 캡션 표 도표 그래프 출처
줄 점 메인 번 번째 장 개 용 및 의 를 을 로 으로 가기 하기 입니다 게티이미지뱅크 게티이미지 셔터스톡 픽사베이
언스플래시 연합뉴스 뉴시스 뉴스 위키백과 나무위키 위키미디어 읽는중 로딩 로딩중 준비중 이미지준비중 영상
동영상 비디오 image images img photo photos picture pictures pic thumbnail thumb feature featured main sub
cover default placeholder blank empty none null undefined untitled noname sample example test figure fig
preview background bg slide gallery video view zoom loading post content contents title alt text caption
description screenshot capture value vol product item detail page attachment file by of the a an to for and no
jpg jpeg png gif webp bmp svg pdf
"""
# These label buttons, signs and logos: an image whose own alt says "다음" is an arrow, whatever stands beside it.
_CONTROL_WORDS: Final = """
로고 배너 아이콘 버튼 단추 프로필 아바타 추천 인기 최신 블로그 카페 홈 홈페이지 홈으로 메뉴 전체 전체메뉴 검색
로그인 로그아웃 회원가입 마이페이지 장바구니 구매하기 바로구매 주문 이전 다음 처음 처음으로 마지막 맨위로 맨위
위로 아래로 위 아래 왼쪽 오른쪽 닫기 열기 펼치기 접기 더보기 돋보기 바로가기 이동 공유 공유하기 스크랩 좋아요
댓글 목록 목록으로 인쇄 프린트 다운로드 내려받기 저장 취소 확인 완료 실행 시작 종료 입력 적용 접수 신청 전송
선택 삭제 수정 등록 쓰기 글쓰기 답글 답변 신고 구독 알림 설정 광고 이벤트 공지 공지사항 안내 구분선 화살표
별점 새글 새창 새창열림 재생 일시정지 음소거 참고 참조 주의 경고 작은정보 작은 정보 도움말 팁 메모 노트
페이스북 트위터 인스타그램 유튜브 카카오톡 카카오 카카오스토리 네이버 네이버블로그 네이버밴드 밴드 구글
티스토리 큐알코드 qr코드 앱 서비스 사이트 logo banner icon icons button btn profile avatar slider play pause
mute stop menu home top up down left right prev previous next first last back close open more search login
logout join share like comment print download save cancel ok new hot best event notice ad ads qr code app
store facebook twitter instagram youtube kakao kakaotalk naver blog band google line rss sns link click here
"""
PICTURE_WORDS: Final = frozenset(_PICTURE_WORDS.split())
FURNITURE: Final = PICTURE_WORDS | frozenset(_CONTROL_WORDS.split())
MAX_FURNITURE_CHARACTERS: Final = 40
MAX_FURNITURE_WORDS: Final = 3
"""Four interface words in a row begin to say something: "기본 설정 페이지 목록"."""


def _made_of(words: frozenset[str]) -> re.Pattern[str]:
    """Return a pattern for compounds of ``words``, the longest first: "썸네일이미지"."""
    return re.compile("(?:" + "|".join(sorted(map(re.escape, words), key=lambda word: (-len(word), word))) + ")+")


_FURNITURE_COMPOUND: Final = _made_of(FURNITURE)
_PICTURE_COMPOUND: Final = _made_of(PICTURE_WORDS)
_NO_IMAGE: Final = re.compile(
    r"(?:등록된|해당|요청하신|선택한)?\s?(?:이미지|사진|그림|파일)[가를은는이]?\s?"
    r"(?:불러올|불러오지|찾을 수|표시할|준비\s?중|없습니다|없음|등록되지)\S*.{0,20}"
    r"|(?:존재하지\s?않는|삭제된|만료된|준비\s?중인?|찾을\s?수\s?없는)\s?(?:이미지|사진|그림|파일).{0,10}"
)
_NOT_WORD: Final = re.compile(r"[\W\d_]+")


def _only(text: str, words: frozenset[str], compound: re.Pattern[str]) -> bool:
    if len(text) > MAX_FURNITURE_CHARACTERS:
        return False
    found = _NOT_WORD.sub(" ", text).lower().split()
    if len(found) > MAX_FURNITURE_WORDS:
        return False
    return all(word in words or compound.fullmatch(word) is not None for word in found)


@lru_cache(maxsize=16_384)
def is_furniture(text: str) -> bool:
    """Say whether ``text`` is made of interface words, digits and signs only, or says that there is no image.

    "1번 이미지", "Feature image", "다음", "존재하지 않는 이미지입니다".
    """
    return _only(text, FURNITURE, _FURNITURE_COMPOUND) or _NO_IMAGE.fullmatch(text) is not None


@lru_cache(maxsize=16_384)
def is_control(text: str) -> bool:
    """Say whether ``text`` labels a button, a sign or a logo, and not just some picture: "다음", "로고", "[주의]"."""
    return is_furniture(text) and not _only(text, PICTURE_WORDS, _PICTURE_COMPOUND)
