"""What `harubang caption` says in Korean: one sentence for every reason a text can end in, one name for every step."""

from __future__ import annotations

from typing import Final

from schemas.reasons import Outcome, Reason

OUTCOMES: Final[dict[str, str]] = {Outcome.KEEP: "유지", Outcome.DROP: "제외", Outcome.UNKNOWN: "판단 보류"}

REASONS: Final[dict[str, str]] = {
    Reason.CAPTION_MISSING: "글이 없습니다",
    Reason.CAPTION_TOO_SHORT: "한글이 너무 적어 무엇을 가리키는지 알 수 없습니다",
    Reason.CAPTION_TOO_LONG: "사진 한 장의 설명으로는 너무 깁니다",
    Reason.CAPTION_FILE_NAME: "파일 이름입니다",
    Reason.CAPTION_BOILERPLATE: "단추, 로고, 자리 표시처럼 화면에 딸린 말입니다",
    Reason.CAPTION_NOT_KOREAN: "한글의 비율이 낮습니다",
    Reason.CAPTION_NO_CONTENT_NOUN: "그림 속의 무언가를 가리키는 명사가 없습니다",
    Reason.CAPTION_IDENTIFIER: "남겨서는 안 되는 개인식별정보가 있습니다",
    Reason.CAPTION_SPAM: "광고성 문구(스팸)입니다",
    Reason.CAPTION_ABUSE: "욕설이나 비하하는 말이 있습니다",
    Reason.CAPTION_INVALID_TEXT: "널 문자, 짝 없는 서로게이트, 방향 바꿈 문자처럼 글에 있을 수 없는 문자가 있습니다",
    Reason.CAPTION_MOJIBAKE: "인코딩이 깨져 되살릴 수 없습니다",
    Reason.CAPTION_URL: "주소(URL)뿐입니다",
    Reason.CAPTION_NUMBERS: "숫자, 날짜, 금액이 대부분입니다",
    Reason.CAPTION_REPETITIVE: "같은 말이 되풀이됩니다",
    Reason.CAPTION_TOO_FREQUENT: "여러 그림에 똑같이 붙은 글입니다",
    Reason.CAPTION_TEMPLATED: "숫자나 이름만 바꾼 틀에 박힌 글입니다",
    Reason.CAPTION_UNKNOWN_WORDS: "한국어 낱말이 될 수 없는 음절이 많습니다",
    Reason.CAPTION_REMARK: "그림의 설명이 아니라 감상이나 잡담입니다",
    Reason.CAPTION_WEAK_SOURCE: "그림을 설명할 가능성이 낮은 자리에 있는 글입니다",
    Reason.CAPTION_TRANSLATED: "기계로 번역한 글로 보입니다",
    Reason.UNKNOWN: "판단할 근거가 모자랍니다",
}

STEPS: Final[dict[str, str]] = {
    "entity": "HTML 문자 참조",
    "tag": "태그나 머리말",
    "mojibake": "깨진 인코딩",
    "invisible": "보이지 않는 문자",
    "half_width_jamo": "반각 자모",
    "full_width": "전각 문자",
    "nfc": "풀어 쓴 자모",
    "laughter": "웃음·울음 표시",
    "emoji": "그림 문자",
    "space": "공백",
    "bullet": "글머리표",
    "url": "주소",
    "notice": "저작권 알림",
    "credit": "출처",
    "reporter": "기자 이름",
    "date": "날짜",
    "dateline": "발신지",
    "interface": "화면 문구",
    "figure_number": "그림 번호",
    "numbering": "번호",
    "footnote": "각주 표시",
    "label": "이름표",
    "bracket": "괄호",
    "counter": "차례 표시",
    "file_name": "파일 이름",
    "underscore": "밑줄",
    "hashtag": "해시 기호",
    "punctuation": "문장 부호",
    "site_name": "사이트 이름",
}
