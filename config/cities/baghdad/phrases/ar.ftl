### كلام المدينة مع المواطن. الأسماء على اليسار ثابتة؛ غيّروا ما بعد علامة = فقط.
### في كل جملة يمكن كتابة { $city } و{ $hotline } و{ $emergency }، وما تذكره الملاحظة فوقها.
### الرسالة القصيرة بالعربية 70 حرفاً، أو 67 لكل جزء إذا طالت. لا روابط ولا تنسيق.

## الإيصال: رسالة قصيرة أو واتساب. { $reference } رقم البلاغ و{ $pin } رمزه.
## الرقم في سطر وحده وقبله علامة اتجاه لا تُرى، لئلا تنقلب مجموعات أرقامه.

receipt =
    استلمنا بلاغكم. رقمه:
    { "\u200E" }{ $reference }
    ورمزه السري: { $pin }
    احتفظوا بهما للمتابعة، أو اتصلوا على { $hotline }.
# { $reference }
receipt-amended =
    أضفنا رسالتكم إلى بلاغكم رقم:
    { "\u200E" }{ $reference }
    للاستفسار اتصلوا على { $hotline }.
# عند الخطر على الحياة. { $emergency } أرقام الطوارئ كما في city.toml
receipt-distress =
    إن كان الخطر قائماً فاتصلوا الآن: { $emergency }
    استلمنا بلاغكم:
    { "\u200E" }{ $reference }
    الرمز السري: { $pin }
opted-out =
    لن نراسلكم بعد الآن. بلاغكم باقٍ قيد المتابعة. للعودة أرسلوا: ابدأ
opted-in =
    عادت الرسائل إليكم بشأن بلاغاتكم. للإيقاف أرسلوا: إيقاف
not-a-text =
    لم نتمكن من قراءة رسالتكم. اكتبوا لنا ما المشكلة وأين، أو أرسلوا صورة، أو اتصلوا على { $hotline }.
# علناً تحت منشور المواطن: لا رقم ولا اسم ولا شيء من مضمون البلاغ
public-thanks =
    شكراً لكم. وصلنا ما كتبتم وهو قيد المتابعة.

## أين وصل البلاغ. { $department } اسم الدائرة.

status-received =
    استُلم البلاغ
status-triage =
    لدى شعبة شؤون المواطنين لتحديد الدائرة المسؤولة
status-offered =
    أُرسل إلى { $department }
status-accepted =
    قبلته { $department }
status-in_progress =
    قيد المعالجة لدى { $department }
status-resolved =
    أنجزته { $department }
status-closed =
    أُغلق البلاغ
status-withdrawn =
    سُحب البلاغ بطلب صاحبه

## ما جرى للبلاغ، سطراً بعد سطر، في صفحة المتابعة. { $department } اسم الدائرة.

event-received =
    استلمنا البلاغ
event-amended =
    أُضيفت معلومات إلى البلاغ
event-triaged =
    ينظر فيه موظف ليحدد الدائرة المسؤولة
event-offered =
    أُرسل البلاغ إلى { $department }
event-recalled =
    سُحب البلاغ من { $department } لإرساله إلى غيرها
event-accepted =
    قبلت { $department } البلاغ
event-rejected =
    ردّت { $department } بأنه ليس من اختصاصها
event-progressed =
    العمل جارٍ لدى { $department }
event-resolved =
    أنجزت { $department } البلاغ
event-closed =
    أُغلق البلاغ
event-reopened =
    أُعيد فتح البلاغ
event-escalated =
    تأخر الرد، فأُحيل البلاغ إلى مستوى أعلى
event-withdrawn =
    سُحب البلاغ بطلب صاحبه
