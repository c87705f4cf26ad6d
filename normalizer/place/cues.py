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
    "قضاء شقق عمارات مجمعات "
    "علاوي احياء مناطق شوارع فرع فروع افرع ازقه درابين مفرق ضواحي جهه صوب ش hay 7ay b7ay bhay hai hayy "
    "area district neighborhood neighbourhood street st share3 shari3 sharea shar3 mantiqat mantiqa "
    "mustashfa mostashfa mustashfat jami3 jame3 saha sahat taqato3 takato3 nafaq nafak karaj garaj "
    "mantaqat man6iqat man6qat mantqat square souk suq sook bridge jisr city municipality madinat sector"
)
"""Words that say what kind of place follows."""

NUMERO = _set("رقم no number nr")
"""Between such a word and its number."""

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
    "مغذي شبكه ازبال زبل نفايات مال مالت مالات تبع على كبال لزك لازك حدر ركن صفح اول اخر عوائل بيوت ناس "
    "شباب محلات فرن افران مركز شرطه مدارس كيه كيا كيات كوستر باص هنا هنانه هاي هاذي ويه بعد لحد الى اطراف "
    "دوار مول ملعب محكمه مقبره كنيسه بانزينخانه بنزينخانه "
    "ب ع ف b bl bil bel bi fi fe fee bal in at near around along off on next behind opposite inside yam yem "
    "yamm jamb janb jnb qurb qrb gidam"
)
"""Prepositions that announce a place."""

WITHIN = _set("في ب بمحافظه بمدينه محافظه مدينه fi in b bi")
"""Between a name and a city's: what says that the one lies in the other."""

NEAR = _set(
    "كبال لزك لازك قرب يم جنب مقابل خلف ورا وره كدام قدام امام عند جوار صف near behind opposite next yam "
    "yem jamb janb qurb"
)
"""Of these, the ones that name a landmark beside the place."""

HOME = _set(
    "عايش عايشين كاعد كاعدين نازلين مستاجر مستاجرين ساكنه ساكن ساكنين اسكن نسكن يسكن يسكنون تسكن سكني "
    "سكنت مقيم مقيمه اقيم سكنه سكان اهالي اهل احنا احنه نحن بيتنا بيتي منطقتنا حينا "
    "e7na i7na ehna ihna sakin sakn sakna ahali ahl live living "
    "resident residents"
)
"""Words by which people say where they live."""

HERE = _set("عدنا عدنه يمنا يمنه 3dna 3edna 3idna 3adna yamna yemna")
"""Words by which they say where a thing befalls them."""

RESIDENTS = _set("اهالي اهل سكنه سكان جماعه ahali ahl residents")
"""Of these and the like, the ones that stand right before a place."""

OURS = _set(
    "شارعنا محلتنا منطقتنا منطقتي زقاقنا دربونتنا حارتنا فرعنا بنايتنا عمارتنا مدرستنا سوكنا جامعنا "
    "محولتنا مولدتنا شارعنه محلتنه منطقتنه share3na mantiqatna ma7allatna"
)
"""What is ours, and where it stands, is where the matter is."""

SELF = _set(
    "اكتبلكم احاجيكم اكلمكم اتصل اخابر وياكم معكم اني انا احنا احنه نحن اخوكم مواطن مواطنه مواطنين ana "
    "ani ane e7na i7na ehna"
)
"""Before "from": who speaks."""

ME = _set("اني انا am ana ani ane")
"""Right before "in": who speaks is there."""

FROM = _set("من mn min from")

ONWARD = _set("الى لي على لحد لغايه حتى نحو باتجاه و to la lel lil ila")
"""Between two names: where a road goes."""

TRAVEL = _set(
    "جاي جايه جايين راجع راجعه راجعين رايح رايحه رايحين متجه متوجه متجهين طالع طالعه طالعين نازل ماشي "
    "عابر اروح ارجع نروح نرجع رحت رجعت طريقي طريقنا قادم متوجهين مريت "
    "نطلع اطلع نوصل نفوت افوت نعبر اعبر "
    "مرينا امر نمر عبرت وصلت فايت طلعت طلعنا نزلت ماشيه رجعنا رحنا ازور زرت اوصل jay raje3 rayi7 rayeh "
    "tarigi coming going way driving commute"
)
"""Words by which, with "from" or "to", people say what way they came or go."""

MOVED = _set("انتقلت انتقلنا تحولت تحولنا حولنا نقلنا moved")
"""Words by which, with "to", people say where they live now, and with "from", where they did."""

ONCE = _set("كنا كنت جنت جنا جان كان was were used")
"""Before a home: it is one no longer."""

EMPLOYED = _set("موظف موظفه مدرس معلم معلمه طالب طالبه مهندس مهندسه شرطي حارس employee student teacher")
"""Behind "I am": where that is, is where somebody works."""

WE = _set("واحنا واحنه وحنا ونحن")
"""Right before "in …": and we, unlike others."""

WORK = _set("دائرتي مداوم دوامي اداوم ادرس شغلي اشتغل اشتغلت وظيفتي")
"""Words by which they say where they work or study."""

ARTICLES = _set("the al el il")
"""What may stand between a cue and a name in Latin letters."""

KIN = _set(
    "امي ابوي والدي والدتي اهلي اخوي اخويه اختي عمي عمتي خالي خالتي جدي جدتي بيبيتي بنتي ابني نسيبي صديقي "
    "صاحبي اقاربي قرايبي عمامي خوالي mother father parents sister brother uncle aunt grandmother friend "
    "ahli 5ali 3ami u5ti"
)
"""Whose home is told of is whose matter it is, where the sender lives elsewhere."""

STATE = _set(
    "كلها بيها غركت غركانه ظلمه بلا بدون غارقه ماكو اكو طافيه طافحه محتاجه صارت صايره مقطوع مقطوعه مهمله منسيه "
    "تعبانه تعاني قرب يم مقابل كدام كبال داخل خارج قطاع محله زقاق شارع "
    "عطشانه نايمه ميته متروسه مليانه مظلمه معتمه عايمه محرومه مخنوكه مابيها مابيه صارلنا صارله صارلها "
    "yem yam qurb mako maku kulha"
)
"""Right behind a name: the state that a place is in, or where in it."""

TOPIC = _set("il el al")
"""In Latin letters, right behind a sure name that begins a sentence: what is told of it."""

THINGS = _set(
    "ماي مي مياه كهرباء كهربا مجاري مجرور زبل ازبال زباله نفايات مولده مولدات محوله كابسه حاويه انقاض اناره "
    "اضويه حفر حفره منهول منهولات بالوعه تبليط مطبات رصيف ارصفه كلاب بعوض جرذان فئران تجاوز تجاوزات بسطيات"
)
"""Right behind a name that begins a sentence or stands behind "in": what goes wrong in a place."""

POSTPOSED = _set("میں علاقے mein main mai men me")
"""What Urdu and Hindi put behind a name: in, the area of."""

LIKE = _set("مثل متل زي اسوه عكس بعكس unlike شمعني اشمعني شمعنه اشمعنه like mithl mithil")
"""Before a name: another place that this one is held against."""

WHILE = _set("بينما while whereas")
"""Before the first of two names: the same. Before the second, the text turns to it."""

LINKS = _set("b bi bil bel fi fil fel min men mn mnn w wa u from to and is are was lel lil ila la ya ma bas bs")
"""No name in Latin letters goes on with one of these."""

ENGLISH = _set("the is are was my our your this that there has have with without and")
"""Words that show a text in Latin letters to be English, in which any word may look like a name."""

OFFICE = _set("بلديه بلديات دائره مديريه مدير مجلس امانه سيد مركز قسم municipality mayor")
"""Before a name: whom the letter is for; the place it is about may stand further down."""

NOT = _set("مو مش ليس ليست مب مهب موب ماهي ماهو لا not mo mu mish")

NEVER = _set("ما")
"""What denies a verb, as `NOT` denies a place."""

SAID = _set("حجيت احجي نحجي اقصد اكصد قصدي كصدي كلت قلت اتكلم اشتكي اشتكيت mean meant")
"""What is denied so: I did not say, or mean."""

PIVOT = _set(
    "بس لكن ولكن مشكله المكان مكان موقع عنوان حادث شكوى شكوتي بلاغ ابلغ اشتكي اشكي موضوع قصه قضيه سالفه "
    "سالفتي شغله اقصد قصدي يخص بخصوص اما انما بينما مكانها عنوانها موقعها but bs bas lakin problem "
    "location address complaint"
)
"""Words after which people say what, and where, the matter is."""

BODIES = _set(
    "نادي جريده صحيفه مجله بنك مصرف شركه قناه فضائيه تلفزيون منتخب فريق مسلسل فيلم اغنيه ماركه وزير وزاره "
    "صحه تربيه استئناف حزب تيار club newspaper bank company"
)
"""Before any name: it is a club's, a bank's, a ministry's, and no place."""

BEARERS = _set(
    "مطعم مطاعم فندق كافيه مقهى صيدليه مكتبه مدرسه روضه اعداديه ثانويه متوسطه ابتدائيه كليه جامعه معهد "
    "دكتور دكتوره استاذ حجي حاج ابو ام ابن بنت اخو اخي صديقي صاحبي جاري خالي عمي خال عم شيخ ملا مهندس "
    "شهيد نائب قائد ملك رئيس عقيد نقيب ملازم كابتن اسمه اسمي restaurant hotel pharmacy school dr mr "
    "engineer abu um umm ibn"
)
"""Before a name that is also a word: a person or a house that bears it."""

PEOPLE = _set("الكرام يريد يريدون عليكم")
"""Right behind a name that is also a word: it was meant as people, or as a greeting."""
