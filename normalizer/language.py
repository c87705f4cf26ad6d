"""Which language a message is in, told by its script, by letters that only one language has, and by small words.

Packaged detectors know neither Sorani nor Arabic in Latin letters, and every one of them costs more than this does.
"""

from __future__ import annotations

import re
from functools import lru_cache

UNDETERMINED = "und"
ARABIZI = "ar-Latn"


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _on_both_keyboards(words: str) -> frozenset[str]:
    """Return Persian words, and the longer ones as an Arabic keyboard has them too: a short one may be Arabic then."""
    return _set(words) | {word.translate(_ARABIC_KEYS) for word in words.split() if len(word) >= _PLAIN}


_ARABIC_KEYS = str.maketrans("یک", "يك")
_PLAIN = 5  # letters
_ENOUGH = 2000  # characters; a letter does not change its language after that
_REMEMBERED = 32  # texts: several questions that are asked of one in a row depend on its language
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ARABIC_SCRIPT = re.compile(
    "[\u0620-\u064a\u066e-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]"
)
_LATIN_SCRIPT = re.compile("[A-Za-z\u00c0-\u024f]")
_OTHER_SCRIPTS = (
    ("hi", re.compile("[\u0900-\u097f]")),
    ("bn", re.compile("[\u0980-\u09ff]")),
    ("ta", re.compile("[\u0b80-\u0bff]")),
    ("ml", re.compile("[\u0d00-\u0d7f]")),
    ("si", re.compile("[\u0d80-\u0dff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("hy", re.compile("[\u0530-\u058f]")),
    ("syr", re.compile("[\u0700-\u074f]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("am", re.compile("[\u1200-\u137f]")),
)

# Within Arabic script. Iraqis type چ گ پ and many have a Persian keyboard, so those letters, ی and ک prove nothing.
_ARABIC_OWN = re.compile(r"\bال|\bوال|\bبال|\bلل|[ةىأإ]")
# Older Sorani writes ە as ه with a joiner that parts it from the next letter, where Persian has its endings alone.
_NOT_ARABIC = re.compile("[ەێۆڵڕٹڈڑںےہھئپی\u200c]")  # without one of these no closer look is worth its time
_KURDISH_OWN = re.compile("[ەێۆڵڕ]|ه\u200c(?!ها|ای|ام|ات|اش|اند|ایم|اید|تر|ی|ي)(?=\\w)|\\bئاو(?:ی|ي|مان|ەکە)?\\b")
_URDU_OWN = re.compile("[ٹڈڑںےہھ]|\\b(?:پانی|بجلی|گلی|کچرا)\\b")
_PERSIAN_WORDS = _on_both_keyboards(
    "است که را برای از هست نیست شود می‌شود نمی‌شود کرده کنید کنند کردن کردند آقا خیابان دارد ندارد نداریم داریم دارند "
    "ندارند میشه نمیشه میشود نمیشود شدن شدند گرفته ریخته شکسته سوخته افتاده مانده مونده نیامده نیومده آمده اومده رفته "
    "بوده کوچه چاله فاضلاب گنداب شهرداری همسایه دیروز امروز فردا بزرگ کوچک یک چهار پنج روزه چند پایین خیلی هنوز چرا "
    "رسیدگی درخت چراغ خاموش"
)
# What Arabs write too ("هاي", "شما" and "همه" are Iraqi): it weighs beside a word that is Persian alone.
_PERSIAN_TOO = _set(
    "آب برق ما با تا هم در من بر روز سه هفته قطع خراب این های شما همه شده زده بالا لوله زباله لطفا لطفاً"
)
_PERSIAN_ENDING = re.compile("\u200c(?:ها|های|هایی|ای|ام|اند|ایم|شود|شوند|کنند|کنید)$|^ن?می\u200c")

# Within Latin script. A digit inside a word stands for an Arabic letter (3 ع, 7 ح, 2 ء, 5 خ, 6 ط, 9 ص), unless
# the word is one of the ways in which English writes a number.
_DIGIT_IN_WORD = re.compile(r"\b(?=[a-z'’]{0,30}[235679])(?=[235679'’]{0,9}[a-z])[a-z235679'’]{3,40}\b")
_ENGLISH_NUMBER = re.compile(
    r"\b(?:\d+(?:st|nd|rd|th|s|m|cm|mm|km|kg|kv|kw|kva|pm|am|hrs?|min|mins|days?|weeks?|x|d|g|k|months?|years?|usd|iqd|a|b|c)"
    r"|(?:co|h|a|b|c|no|q|m|st|block|street|house|zone|sector|gate|room)\d+[a-z]?|4g|3g|5g|mp3|mp4)\b"
)
_ARABIZI_WORDS = _set(
    "el al il bel bil bl lel lil w wa ya yaa mn min men fi fee bi 3al ala hal hel hay hai hatha hada da "
    "di ma mako maku mafi mafeesh mafesh mesh mish mush mo mu moo msh shaku aku fih kan kano chan wen "
    "wein ween fen fein shlon shlonkum shlonak shlonkom leish lesh leh shno shinu shu shou sho eh ey la "
    "na3am salam slm salaam salamo alaikum alaykom 3alaikum hala ahlan marhaba shukran shokran wallah "
    "wallahi inshallah yalla habibi akhi ustad mai may maya mayya moya mayye kahraba kahrabaa kahraba2 "
    "majari magari majary share3 shari3 shara shari3na manhal zbala zebala zibala zibel zibil 7ofra hofra "
    "hofar mwalda mwallida kobry raseef lambat bori jeranna jiran bait beit daar dar yamna yammna hwaya "
    "hwaye ktir kteer awy awi giddan jiddan kol kull kolha kullha kolo kolna el7in hassa hala2 delwa2ti "
    "emta mata yom youm sa3a sa3ten usboo3 shahar sana ams bacher bukra inta ana e7na ehna nahnu hum homa "
    "huwa hiya chlab klab kalb kelab saybah maksoor maksour maftoo7 maftuh mat3atil 3atlan kharban mosh "
    "ta3al shakwa shekwa raqam"
)
_HINDI_WORDS = _set(
    "hai hain nahi nahin mein ke ka ki ko se kya kaunsa kaun kahan yahan wahan bahut bhai aadmi raat din "
    "kal gaya gayi gaye raha rahi rahe karne karo kare karein liye aur hum mera meri hamara chahiye paani "
    "pani bijli kachra sadak uthane koi ek bandh band ho tha thi kab"
)
_ENGLISH_WORDS = _set(
    "the a an and or of to in on at for from with is are was were be been has have had not no we our my "
    "your his her their i you he she it they this that there here please water street road light lights "
    "power since day days week weeks month months still stop help broken near house school garbage sewage "
    "pothole hello thanks thank dear sir who what when where why how which can could would will complaint "
    "out nobody after before every all by into up down front only one two three"
)
_TURKISH_OWN = re.compile("[ığİ]")
_KURMANJI_OWN = re.compile("[êîûÊÎÛ]")
_FRENCH_WORDS = _set("le la les des une est dans pour avec nous vous pas depuis rue eau je il sur et du ce cette")


def language(text: str) -> str:
    """Return the BCP 47 tag of the language the text is in, `und` where nothing tells.

    Arabic in Latin letters is `ar-Latn`. Of a message in two languages the script with more letters decides.
    """
    return _told_by(text[:_ENOUGH])


@lru_cache(maxsize=_REMEMBERED)
def _told_by(text: str) -> str:
    counts = {"arabic": len(_ARABIC_SCRIPT.findall(text)), "latin": len(_LATIN_SCRIPT.findall(text))}
    if sum(counts.values()) < len(_WORD.findall(text)):
        counts |= {tag: len(script.findall(text)) for tag, script in _OTHER_SCRIPTS}
    most = max(counts, key=lambda script: counts[script])
    if not counts[most]:
        return UNDETERMINED
    if most == "arabic":
        return _in_arabic_script(text, counts[most])
    return _in_latin_script(text) if most == "latin" else most


def reply_language(language: str, languages: tuple[str, ...]) -> str:
    """Return which of the city's languages to answer in: the citizen's own if it can, else its first."""
    spoken = language.lower().partition("-")[0]
    for tag in languages:
        if tag.lower().partition("-")[0] == spoken:
            return tag
    return languages[0] if languages else language


def _in_arabic_script(text: str, letters: int) -> str:
    arabic = len(_ARABIC_OWN.findall(text))
    if _NOT_ARABIC.search(text):
        kurdish, urdu = len(_KURDISH_OWN.findall(text)), len(_URDU_OWN.findall(text))
        # Some telephones type ە or ہ for the Arabic ه: one such letter in a long Arabic text is no other language.
        if max(kurdish, urdu) > arabic and max(kurdish, urdu) * 25 >= letters:
            return "ckb" if kurdish >= urdu else "ur"
    words = text.split()
    own = sum(word in _PERSIAN_WORDS or ("\u200c" in word and bool(_PERSIAN_ENDING.search(word))) for word in words)
    return "fa" if own and own + sum(word in _PERSIAN_TOO for word in words) > max(arabic, 1) else "ar"


def _in_latin_script(text: str) -> str:
    if _TURKISH_OWN.search(text):
        return "tr"
    if _KURMANJI_OWN.search(text) and not _FRENCH_WORDS.intersection(text.lower().split()):
        return "kmr"
    lower = text.lower()
    words = _WORD.findall(lower)
    digits = len(_DIGIT_IN_WORD.findall(_ENGLISH_NUMBER.sub(" ", lower)))
    whole = lower.split()
    scores = {
        "en": sum(word in _ENGLISH_WORDS for word in words),
        ARABIZI: 2 * digits + sum(word in _ARABIZI_WORDS for word in whole),
        "hi": sum(word in _HINDI_WORDS for word in words),
        "fr": sum(word in _FRENCH_WORDS for word in words),
    }
    return max(scores, key=lambda tag: scores[tag])  # of equals the first: English
