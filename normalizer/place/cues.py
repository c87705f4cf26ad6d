"""The small words around a place: what announces one, whose place it is, and what makes a place's name no place.

Folded, without article and without what is glued to the front, as `tokens.plain` leaves them.
"""

from __future__ import annotations

from normalizer.text import fold


def _set(words: str) -> frozenset[str]:
    return frozenset(fold(words).split())


KINDS = _set(
    "حي منطقه محله شارع قطاع زقاق ساحه جسر سوق سوك مدينه تقاطع فلكه كراج مجمع ناحيه قاطع دربونه طريق مجسر "
    "نفق سريع خط خطوط متنزه حديقه كورنيش جامع حسينيه مستشفى مستوصف بلديه عكد طرف مقاطعه قريه كمب علوه "
    "احياء مناطق شوارع فرع hay 7ay hai hayy area district neighborhood neighbourhood street st share3 "
    "shari3 sharea shar3 mantiqat mantiqa mantaqat man6iqat man6qat mantqat square souk suq sook bridge "
    "jisr city municipality madinat sector"
)
"""Words that say what kind of place follows."""

NUMBERED = _set("محله م زقاق ز قطاع دار شارع ش mahalla ma7alla sector street")
"""Words behind which a number belongs to an address: what stands after the number is a place."""

BEHIND = _set(
    "street st area district neighborhood neighbourhood square bridge city hospital market underpass "
    "tunnel intersection junction roundabout mall university"
)
"""English words that follow a name."""

AT = _set(
    "في داخل قرب يم جنب مقابل خلف ورا وره كدام قدام امام عند جوا جوه حوالي وسط مجاور بين نص راس نهايه "
    "بدايه مدخل صف جوار عدنه فوق تحت باب محيط سيطره عنوان موقع مكان مجاري كهرباء ماي ماء محوله مولده محطه "
    "مغذي شبكه ازبال زبل نفايات اطراف b bl bil bel bi fi fe fee bal in at near around along off on next "
    "behind opposite inside yam yem yamm jamb janb jnb qurb qrb gidam"
)
"""Prepositions that announce a place."""

NEAR = _set("قرب يم جنب مقابل خلف ورا وره كدام قدام امام عند جوار صف near behind opposite next yam yem jamb janb qurb")
"""Of these, the ones that name a landmark beside the place."""

HOME = _set(
    "ساكن ساكنه ساكنين اسكن نسكن يسكن يسكنون تسكن سكني سكنت مقيم مقيمه اقيم سكنه سكان اهالي اهل عدنا عدنه "
    "يمنا يمنه احنا احنه نحن بيتنا بيتي منطقتنا حينا 3dna 3edna 3idna 3adna yamna yemna e7na i7na ehna "
    "ihna sakin sakn sakna ahali ahl live living resident residents"
)
"""Words by which people say where they live."""

SELF = _set("اني انا احنا احنه نحن اخوكم مواطن مواطنه مواطنين ana ani ane e7na i7na ehna")
"""Before "from": who speaks."""

FROM = _set("من mn min from")

ONWARD = _set("الى لي على لحد لغايه حتى نحو باتجاه و to la lel lil ila")
"""Between two names: where a road goes."""

TRAVEL = _set(
    "جاي جايه جايين راجع راجعه راجعين رايح رايحه رايحين متجه متوجه متجهين طالع طالعه طالعين نازل ماشي "
    "عابر اروح ارجع نروح نرجع رحت رجعت طريقي طريقنا قادم متوجهين jay raje3 rayi7 rayeh tarigi coming "
    "going way driving commute"
)
"""Words by which, with "from" or "to", people say what way they came or go."""

WORK = _set("دوامي اداوم ادرس شغلي اشتغل اشتغلت وظيفتي")
"""Words by which they say where they work or study."""

ARTICLES = _set("the al el il")
"""What may stand between a cue and a name in Latin letters."""

OFFICE = _set("بلديه بلديات دائره مديريه مدير مجلس امانه سيد مركز قسم municipality mayor")
"""Before a name: whom the letter is for; the place it is about may stand further down."""

NOT = _set("مو مش ليس ليست مب مهب موب ماهي ماهو لا not mo mu mish")

PIVOT = _set(
    "بس لكن ولكن مشكله المكان مكان موقع عنوان حادث شكوى شكوتي بلاغ ابلغ اشتكي اشكي موضوع قصه مكانها "
    "عنوانها موقعها انما but bs bas lakin problem location address complaint"
)
"""Words after which people say what, and where, the matter is."""

THINGS = _set(
    "نادي جريده صحيفه مجله بنك مصرف شركه قناه فضائيه تلفزيون منتخب فريق مطعم مطاعم فندق كافيه مقهى صيدليه "
    "مكتبه مسلسل فيلم اغنيه ماركه دكتور دكتوره استاذ حجي حاج ابو ام ابن بنت اخو اخي صديقي صاحبي جاري خالي "
    "عمي خال عم شيخ ملا مهندس مدرسه روضه اعداديه ثانويه متوسطه ابتدائيه كليه جامعه معهد شهيد نائب وزير "
    "وزاره صحه تربيه استئناف حزب تيار قائد ملك رئيس عقيد نقيب ملازم كابتن اسمه اسمي club newspaper bank "
    "company restaurant hotel pharmacy school dr mr engineer abu um umm ibn"
)
"""Before a name: it belongs to a person or to a thing, not to a place."""

PRAISE = _set("الكرام يريد يريدون العراقي عليكم")
"""Right behind a name: it was meant as people, or as a greeting."""
