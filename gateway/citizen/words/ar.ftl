### كلام صفحات المواطنين بالعربية. الأسماء على اليسار ثابتة، وهي نفسها في en.ftl.

## في كل صفحة

language-name = العربية
site-title = بلاغات { $city }
nav-report = بلاغ جديد
nav-track = متابعة بلاغ
nav-label = الصفحات
skip-to-content = إلى المحتوى
footer-hotline = يمكنكم الاتصال أيضاً بالخط الساخن: { $number }
footer-note = لا تستخدم المدينة ما تكتبونه إلا لمعالجة بلاغكم.
error-title = يرجى المراجعة: { $title }
new-report = تقديم بلاغ جديد

## الاستمارة

report-title = أخبرونا بما حدث
report-lead = يصل بلاغكم إلى الدائرة المسؤولة، وتستلمون رقماً لمتابعته.
what-heading = ما الذي حدث
text-label = ما الذي حدث؟
text-hint = بكلماتكم. إن أضفتم صورة أمكن ترك هذا الحقل فارغاً.
files-label = صور أو مستندات
files-hint = حتى { $count } ملفات، لا يزيد كل منها على { $size } ميغابايت.
files-optional = اختياري
files-choose = إضافة صور أو مستندات
files-kept = وصلتنا مع هذه الاستمارة. أزيلوا العلامة عما لا تريدون إرساله.
where-heading = المكان
where-label = أين؟
where-hint = الشارع أو المحلة أو أقرب نقطة دالة.
district-label = البلدية
district-unknown = لا أعرف
danger-heading = هل هناك خطر على حياة أحد الآن؟
danger-no = لا
danger-yes = نعم، الخطر قائم الآن
danger-call = إن كان أحد في خطر فاتصلوا أولاً:
more-heading = عن البلاغ
kind-label = ما نوعه؟
kind-complaint = شكوى
kind-request = طلب
kind-suggestion = مقترح
kind-enquiry = استفسار
category-label = ما موضوعه؟
category-unknown = لا أعرف
you-heading = أنتم
you-hint = لكم أن تتركوا كل هذا فارغاً. برقم الهاتف أو البريد الإلكتروني تستطيع الدائرة أن تسألكم عن التفاصيل.
name-label = الاسم
phone-label = الهاتف
email-label = البريد الإلكتروني
confidential-label = لا تُطلعوا الدائرة على اسمي ووسائل الاتصال بي
confidential-hint = ترى الدائرة المشكلة، ولا ترى من أبلغ عنها.
optional = اختياري
honeypot-label = اتركوا هذا الحقل فارغاً
submit = إرسال البلاغ
sending = جارٍ الإرسال…

## ما يحتاج إلى تصحيح

faults-heading = { $count ->
    [one] أمر واحد يحتاج إلى انتباهكم. كل ما عداه مما أدخلتموه باقٍ هنا.
    [two] أمران يحتاجان إلى انتباهكم. كل ما عداهما مما أدخلتموه باقٍ هنا.
    [few] { $count } أمور تحتاج إلى انتباهكم. كل ما عداها مما أدخلتموه باقٍ هنا.
   *[other] { $count } أمراً يحتاج إلى انتباهكم. كل ما عداها مما أدخلتموه باقٍ هنا.
}
fault-text-missing = اكتبوا ما حدث، أو أضيفوا صورة.
fault-text-long = يرجى الاختصار: يتسع الحقل لـ { $limit } حرف.
fault-field-long = هذا طويل: يتسع الحقل لـ { $limit } حرف.
fault-choice = اختاروا من القائمة.
fault-phone = { $doubt ->
    [letters] فيه حروف. اكتبوا رقم الهاتف بالأرقام.
    [short_code] هذا أقصر من أن نتصل به. اكتبوا الرقم كاملاً.
    [too_long] هذا أطول من رقم هاتف.
    [kind] هذا رقم ذو تعرفة خاصة. اكتبوا رقمكم.
   *[other] لا يوجد هاتف بهذا الرقم. راجعوا أرقامه، أو اتركوه فارغاً.
}
fault-email = هذا ليس عنوان بريد إلكتروني. مثاله: name@example.com
fault-file-type = { $file } ليس صورة أو صوتاً أو فيديو أو ملف PDF نستطيع فتحه.
fault-file-big = { $file } أكبر من { $size } ميغابايت.
fault-file-empty = { $file } فارغ.
fault-file-many = { $file } زائد على العدد: { $count } ملفات على الأكثر.
fault-file-again = يرجى اختيار ملفاتكم من جديد.
fault-nonce-forged = لم نتعرف على هذه الصفحة. كلامكم باقٍ هنا: أرسلوه مرة أخرى.
fault-nonce-expired = بقيت الصفحة مفتوحة أكثر من يوم. كلامكم باقٍ هنا: أرسلوه مرة أخرى.
fault-honeypot = مُلئ حقل مخفي، وربما ملأه المتصفح. أفرغناه: أرسلوا مرة أخرى.
fault-sent-before = أُرسلت هذه الاستمارة من قبل واستلمنا بلاغها. تعديلاتكم ليست فيه: لتقديمها أيضاً أرسلوا مرة أخرى.

## حين لا يمكن الاستلام

not-stored-heading = لم نستلم بلاغكم
not-stored-text = تعذر حفظه الآن. كلامكم باقٍ هنا: أرسلوه بعد دقيقة، أو اتصلوا على { $hotline }.
busy-heading = لم نستلم بلاغكم بعد
busy-text = تصلنا من شبكتكم بلاغات كثيرة جداً. كلامكم باقٍ هنا: أرسلوه بعد دقيقة.
too-much-text = الملفات معاً أكبر مما نستطيع استلامه. كلامكم باقٍ هنا: اختاروا ملفات أقل أو أصغر ثم أرسلوا.
unreadable-heading = تعذرت القراءة
unreadable-text = أرسل متصفحكم ما لا نستطيع قراءته، ولم نستلم شيئاً. افتحوا الاستمارة من جديد، أو اتصلوا على { $hotline }.
foreign-heading = جاء هذا من موقع آخر
foreign-text = حفاظاً على سلامتكم لا يُرسل البلاغ إلا من صفحتنا، ولم نستلم شيئاً.
not-found-heading = لا توجد صفحة بهذا العنوان
not-found-text = لعل في العنوان خطأ، أو أن الصفحة قد انتقلت.
away-heading = لا نستطيع النظر الآن
away-text = بلاغكم محفوظ. يرجى المحاولة بعد دقيقة.
open-form = فتح الاستمارة

## الإيصال

receipt-title = استلمنا بلاغكم
receipt-lead = احتفظوا بهذين الرقمين. بهما تتابعون بلاغكم من أي هاتف.
reference-label = رقم البلاغ
pin-label = الرمز السري
copy = نسخ الرقمين
copied = نُسخا
print = طباعة
receipt-keep = دوّنوهما أو صوّروا هذه الشاشة. لا تعطوا الرمز السري لأحد.
receipt-danger = أبلغتم عن خطر على الحياة. إن كان قائماً فاتصلوا الآن:
follow = متابعة البلاغ
forget = إنهاء ومسح الأثر من هذا الجهاز
forget-hint = إن كان الهاتف أو الحاسوب يستخدمه غيركم.

## المتابعة

track-title = متابعة بلاغ
track-lead = أدخلوا الرقمين المكتوبين في الإيصال.
track-reference-hint = عشرة أرقام
track-pin-hint = ستة أرقام
track-submit = عرض البلاغ
track-continue = متابعة البلاغ { $reference }
track-wrong = رقم البلاغ والرمز السري لا يتطابقان. راجعوا الاثنين في الإيصال.
track-locked = محاولات خاطئة كثيرة لهذا الرقم. حاولوا عند الساعة { $time }.
track-busy = محاولات خاطئة كثيرة من شبكتكم. حاولوا بعد دقيقة.
view-title = البلاغ { $reference }
view-status = الحالة
view-department = المسؤول الآن
view-department-none = لم يتحدد بعد
view-story = ما جرى للبلاغ
view-live = تتحدث هذه الصفحة من نفسها.
view-reload = عرض الأحدث
view-receipt = عرض الإيصال
