"""The things the web shows: their Korean names, who draws them, where they may stand and in which colours."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pipelines.embedded_web import draw_cloth, draw_crafts, draw_food, draw_nature, draw_places
from pipelines.embedded_web.canvas import Colour, Pen

ANY_SEASON = ("봄", "여름", "가을", "겨울")


class Kind(NamedTuple):
    """One kind of thing. ``colours`` pairs the word a caption may use with the colour it is drawn in.

    ``size`` is the range of the thing's half height as a share of the picture's height; ``most`` is how many may
    stand side by side.
    """

    name: str
    draw: Callable[[Pen, random.Random, Colour], None]
    backdrops: tuple[str, ...]
    colours: tuple[tuple[str, Colour], ...]
    size: tuple[float, float] = (0.3, 0.42)
    most: int = 1
    seasons: tuple[str, ...] = ANY_SEASON
    hours: tuple[str, ...] = ("dawn", "day", "day", "dusk", "night")


_STONE = (("", (172, 166, 152)), ("", (186, 178, 166)), ("", (156, 154, 150)))
_BOWL = (("", (236, 234, 228)), ("", (90, 66, 56)), ("", (176, 190, 186)), ("", (60, 58, 62)), ("", (222, 200, 170)))
_SILK = (
    ("다홍빛", (206, 44, 62)),
    ("남색", (38, 58, 128)),
    ("연분홍", (238, 160, 178)),
    ("쪽빛", (44, 112, 170)),
    ("자줏빛", (122, 40, 98)),
    ("초록빛", (58, 130, 92)),
    ("귤빛", (240, 142, 60)),
)

KINDS: Mapping[str, Kind] = {
    "dolhareubang": Kind(
        "돌하르방",
        draw_places.dolhareubang,
        ("field", "coast", "yard"),
        (("", (112, 108, 110)), ("", (92, 90, 96)), ("", (134, 124, 118))),
        (0.3, 0.44),
        2,
    ),
    "cheomseongdae": Kind("첨성대", draw_places.cheomseongdae, ("field", "field", "sky"), _STONE, (0.3, 0.42)),
    "hanok": Kind(
        "한옥",
        draw_places.hanok,
        ("field", "yard"),
        (("", (146, 74, 48)), ("", (108, 66, 50)), ("", (168, 104, 66))),
        (0.26, 0.36),
        2,
    ),
    "chogajip": Kind(
        "초가집",
        draw_places.chogajip,
        ("field", "yard"),
        (("", (206, 170, 98)), ("", (186, 156, 110)), ("", (222, 188, 112))),
        (0.26, 0.36),
        2,
    ),
    "jangseung": Kind(
        "장승",
        draw_places.jangseung,
        ("field", "yard"),
        (("", (160, 118, 78)), ("", (128, 96, 74)), ("", (186, 140, 92))),
        (0.3, 0.42),
        2,
    ),
    "seokgatap": Kind("석가탑", draw_places.seokgatap, ("field", "yard"), _STONE, (0.32, 0.44)),
    "sungnyemun": Kind(
        "숭례문", draw_places.sungnyemun, ("field", "sky"), (("", (164, 54, 46)), ("", (140, 60, 48))), (0.28, 0.38)
    ),
    "lighthouse": Kind(
        "등대",
        draw_places.lighthouse,
        ("coast", "sea"),
        (("하얀", (246, 244, 240)), ("빨간", (216, 52, 46))),
        (0.3, 0.44),
    ),
    "hanbok": Kind(
        "한복",
        draw_cloth.hanbok,
        ("yard", "field", "room"),
        _SILK,
        (0.32, 0.45),
        3,
        hours=("dawn", "day", "day", "dusk"),
    ),
    "seonbi": Kind(
        "도포",
        draw_cloth.seonbi,
        ("yard", "field", "room"),
        (("흰", (238, 234, 224)), ("옥색", (176, 208, 206)), ("쪽빛", (60, 110, 160)), ("먹빛", (84, 84, 92))),
        (0.32, 0.45),
        2,
        hours=("dawn", "day", "day", "dusk"),
    ),
    "jangdokdae": Kind(
        "장독대",
        draw_crafts.jangdokdae,
        ("yard", "field"),
        (("", (118, 70, 46)), ("", (98, 58, 44)), ("", (140, 88, 54))),
        (0.34, 0.5),
    ),
    "dalhangari": Kind(
        "달항아리",
        draw_crafts.dalhangari,
        ("gallery", "room"),
        (("", (238, 234, 226)), ("", (228, 230, 230)), ("", (242, 232, 212))),
        (0.28, 0.4),
    ),
    "cheongja": Kind(
        "청자 매병",
        draw_crafts.cheongja,
        ("gallery", "room"),
        (("비췻빛", (126, 168, 144)), ("비췻빛", (140, 176, 160)), ("비췻빛", (112, 154, 140))),
        (0.32, 0.42),
        2,
    ),
    "hahoetal": Kind(
        "하회탈",
        draw_crafts.hahoetal,
        ("gallery", "room", "yard"),
        (("", (190, 116, 66)), ("", (210, 142, 88)), ("", (160, 92, 58))),
        (0.26, 0.4),
        2,
    ),
    "buchae": Kind(
        "부채",
        draw_cloth.buchae,
        ("table", "gallery"),
        (("", (248, 240, 222)), ("", (206, 226, 226)), ("", (246, 214, 206)), ("", (230, 214, 150))),
        (0.24, 0.34),
    ),
    "taegeukseon": Kind("태극선", draw_cloth.taegeukseon, ("table", "room"), (("", (204, 46, 58)),), (0.26, 0.38), 2),
    "kite": Kind(
        "방패연",
        draw_crafts.kite,
        ("sky",),
        (("붉은", (214, 50, 54)), ("푸른", (36, 96, 180)), ("노란", (240, 190, 50)), ("초록", (50, 140, 84))),
        (0.14, 0.3),
        3,
        ("겨울", "봄", "가을"),
        ("dawn", "day", "day", "dusk"),
    ),
    "lantern": Kind(
        "청사초롱",
        draw_crafts.lantern,
        ("yard", "sky"),
        (("", (204, 46, 58)),),
        (0.14, 0.28),
        5,
        hours=("dusk", "night", "night"),
    ),
    "janggu": Kind(
        "장구",
        draw_crafts.janggu,
        ("room", "yard", "gallery"),
        (("", (176, 60, 44)), ("", (146, 84, 50)), ("", (120, 50, 46))),
        (0.26, 0.4),
    ),
    "taegeukgi": Kind(
        "태극기",
        draw_cloth.taegeukgi,
        ("sky", "field"),
        (("", (204, 46, 58)),),
        (0.22, 0.36),
        2,
        hours=("dawn", "day", "day", "dusk"),
    ),
    "paengi": Kind(
        "팽이",
        draw_crafts.paengi,
        ("table", "yard"),
        (("", (200, 60, 50)), ("", (50, 110, 160)), ("", (70, 130, 80))),
        (0.2, 0.34),
        3,
    ),
    "gomusin": Kind(
        "고무신",
        draw_cloth.gomusin,
        ("table",),
        (("하얀", (244, 244, 240)), ("검정", (58, 58, 66)), ("분홍", (240, 160, 180)), ("하늘색", (150, 196, 224))),
        (0.24, 0.38),
        2,
    ),
    "kimchi": Kind("김치", draw_food.kimchi, ("table",), _BOWL, (0.3, 0.44)),
    "bibimbap": Kind("비빔밥", draw_food.bibimbap, ("table",), _BOWL, (0.3, 0.44)),
    "tteokguk": Kind("떡국", draw_food.tteokguk, ("table",), _BOWL, (0.3, 0.44)),
    "songpyeon": Kind("송편", draw_food.songpyeon, ("table",), _BOWL, (0.3, 0.44)),
    "gimbap": Kind("김밥", draw_food.gimbap, ("table",), _BOWL, (0.3, 0.44)),
    "gamgyul": Kind(
        "감귤",
        draw_food.gamgyul,
        ("table", "field"),
        (("", (244, 146, 30)), ("", (248, 168, 40)), ("", (236, 128, 28))),
        (0.26, 0.42),
        1,
        ("가을", "겨울"),
        ("dawn", "day", "day", "dusk"),
    ),
    "hallasan": Kind(
        "한라산",
        draw_nature.hallasan,
        ("field", "coast"),
        (("", (96, 116, 140)), ("", (110, 124, 112)), ("", (84, 98, 128)), ("", (126, 118, 120))),
        (0.4, 0.52),
    ),
    "seongsan": Kind(
        "성산일출봉",
        draw_nature.seongsan,
        ("sea",),
        (("", (134, 116, 92)), ("", (112, 104, 96)), ("", (150, 128, 88))),
        (0.3, 0.42),
    ),
    "pine": Kind(
        "소나무",
        draw_nature.pine,
        ("field", "coast", "yard"),
        (("", (54, 100, 64)), ("", (66, 112, 60)), ("", (44, 86, 72))),
        (0.34, 0.46),
        2,
    ),
    "mugunghwa": Kind(
        "무궁화",
        draw_nature.mugunghwa,
        ("field", "yard"),
        (
            ("분홍", (232, 140, 180)),
            ("하얀", (246, 240, 244)),
            ("보랏빛", (190, 140, 204)),
            ("연분홍", (244, 190, 206)),
        ),
        (0.2, 0.36),
        3,
        ("여름",),
        ("dawn", "day", "day", "dusk"),
    ),
    "tiger": Kind(
        "호랑이",
        draw_nature.tiger,
        ("field", "gallery", "yard"),
        (("", (232, 150, 52)), ("", (214, 130, 60)), ("", (240, 172, 80)), ("", (226, 222, 216))),
        (0.3, 0.44),
        2,
    ),
    "magpie": Kind(
        "까치",
        draw_nature.magpie,
        ("sky", "field"),
        (("", (30, 32, 40)), ("", (44, 44, 56))),
        (0.24, 0.4),
        hours=("dawn", "day", "day", "dusk"),
    ),
    "yuchae": Kind(
        "유채꽃",
        draw_nature.yuchae,
        ("field", "coast"),
        (("", (248, 208, 40)), ("", (240, 196, 30))),
        (0.28, 0.42),
        1,
        ("봄",),
        ("dawn", "day", "day", "dusk"),
    ),
    "haenyeo": Kind(
        "해녀",
        draw_nature.haenyeo,
        ("sea",),
        (("", (244, 120, 30)), ("", (250, 150, 50)), ("", (230, 90, 40))),
        (0.24, 0.4),
        3,
        hours=("dawn", "day", "day", "dusk"),
    ),
    "geobukseon": Kind(
        "거북선",
        draw_nature.geobukseon,
        ("sea",),
        (("", (70, 96, 84)), ("", (104, 80, 60)), ("", (80, 84, 96))),
        (0.26, 0.38),
    ),
    "sotdae": Kind(
        "솟대",
        draw_nature.sotdae,
        ("field", "coast", "sky"),
        (("", (150, 112, 76)), ("", (120, 94, 76)), ("", (178, 140, 96))),
        (0.34, 0.48),
    ),
}
