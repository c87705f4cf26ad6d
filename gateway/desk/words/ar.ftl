### كلام المكتب بالعربية. الأسماء على اليسار ثابتة، وهي نفسها في en.ftl.

## في كل صفحة

language-name = العربية
desk-title = المكتب · { $city }
nav-label = الصفحات
nav-tasks = المهام
nav-entry = إدخال جديد
nav-triage = الفرز
nav-incidents = الحوادث
nav-complaints = بلاغ برقمه
sign-out = خروج
skip-to-content = إلى المحتوى
error-title = يرجى المراجعة: { $title }
sending = جارٍ الحفظ…

## الدخول

sign-in-title = تسجيل الدخول
sign-in-name = اسم الدخول
sign-in-password = كلمة المرور
sign-in-submit = دخول
sign-in-wrong = الاسم وكلمة المرور لا يتطابقان، أو أن الاسم موقوف قليلاً بعد محاولات خاطئة كثيرة: عندها أعيدوا المحاولة بعد ربع ساعة.
sign-in-busy = محاولات دخول كثيرة من شبكتكم الآن. أعيدوا المحاولة بعد دقيقة.
sign-in-cookie = بقيت الصفحة مفتوحة طويلاً، أو أن المتصفح لا يحفظ ملفات الارتباط لهذا العنوان. حاولوا مرة أخرى، وإن تكرر ذلك فافتحوا المكتب عبر https.
sign-in-again = الدخول من جديد

## رسائل

over-heading = انتهت جلستكم
over-text = لم يُحفظ شيء، ولم يضع شيء مما كتبتم. ادخلوا من جديد في النافذة الجديدة، ثم عودوا إلى هذه الصفحة وحدّثوها ووافقوا على الإرسال مرة أخرى.
foreign-heading = جاء هذا من موقع آخر
foreign-text = لا يقبل المكتب إلا ما يُرسل من صفحاته، ولم يُنفذ شيء.
lost-heading = لا توجد صفحة بهذا العنوان
lost-text = لعل المهمة أُنجزت، أو أن في العنوان خطأ.
unreadable-heading = تعذرت القراءة
unreadable-text = أرسل المتصفح ما لا نستطيع قراءته. لم يُحفظ شيء.
too-much-heading = هذا أكثر مما نستطيع استلامه
too-much-text = لم يُحفظ شيء. عودوا واختاروا ملفات أقل أو أصغر.
away-heading = لا يمكن الحفظ أو البحث الآن
away-text = لم يضع شيء مما كتبتم: انتظروا دقيقة، ثم حدّثوا الصفحة ووافقوا على الإرسال مرة أخرى.
broken-heading = حدث عطل
broken-text = الخطأ من عندنا وقد أُبلغ المشغّل. لم يُحفظ شيء.
no-right-heading = هذه الصفحة ليست من مهامكم
no-right-text = يستطيع المسؤول عن موظفي المكتب أن يمنحكم صلاحيتها.
no-work-heading = لا شيء لكم هنا بعد
no-work-text = ليست لاسمكم صلاحية لصفحة من صفحات هذا المكتب. يستطيع المسؤول عن موظفي المكتب أن يمنحكم إياها.
not-held-heading = الملف ليس هنا
not-held-text = ما زال يُجلب من مزوّده، أو تعذر الحصول عليه. حاولوا لاحقاً.
to-the-desk = إلى المكتب

note-done = تم الحفظ.
note-routed = البلاغ في طريقه إلى دائرته.
note-routed-to = البلاغ { $reference } في طريقه إلى: { $department }.
note-missed = سُجلت المحاولة. تبقى المهمة في القائمة لمحاولة أخرى.
note-released = صارت المهمة متاحة لغيركم.
note-free = هذه المهمة ليست بيد أحد. خذوها من القائمة.
note-stale = سجلتم الدخول من جديد بعد فتح هذه الصفحة. كل ما كتبتموه باقٍ هنا: يرجى إرساله مرة أخرى.
note-taken = هذه المهمة بيد أحد الزملاء.
note-over = أُنجز هذا من قبل.
note-gone = لم تعد هذه المهمة موجودة.
note-joined = ضُمّت معاً، وستعلم الدائرة بذلك.
note-parted = سُجل أن أسبابها مختلفة، ولن تُقترح مرة أخرى.
note-left = أُخرجت من الحادثة، وستعلم الدائرة بذلك.
note-shut = أُغلقت الحادثة.
note-elsewhere = أحدها في حادثة أخرى: أخرجوه منها أولاً.
note-split = صار للمشكلة الثانية بلاغ مستقل برقم { $reference }.
note-unsplit = لا يمكن فصل هذا: اختاروا موضوعاً غير موضوع البلاغ، على أن لا يكون البلاغ قد انتهى.
note-missing = اختاروا الدائرة أولاً.
note-not-stored = تعذر الحفظ الآن. كل ما كتبتموه باقٍ هنا: أرسلوه بعد دقيقة.
note-sent-before = أُرسلت هذه الاستمارة من قبل وحُفظ بلاغها. تعديلاتكم ليست فيه: لإدخالها بلاغاً آخر أرسلوا مرة أخرى.

## المهام

tasks-title = مهام تنتظر موظفاً
tasks-all = الكل
tasks-none = لا شيء ينتظر هنا.
task-transcribe = تدوين
task-transcribe-lead = استمعوا أو اقرؤوا، ودوّنوا ما يقوله المواطن بكلماته.
task-call_back = معاودة الاتصال
task-call_back-lead = اتصلوا، ودوّنوا ما يقوله المواطن.
task-confirm = تأكيد منشور
task-confirm-lead = هل هذا المنشور العام شكوى إلى المدينة؟
task-claim = أخذ المهمة
task-continue = متابعة
task-held = بيد { $by } حتى { $until } على الأكثر
task-beside = موضوع المهمة
task-text-transcribe = ما قيل
task-text-call_back = ما قاله المواطن
task-proposed-transcribe = هذا ما سمعته آلة. استمعوا وصحّحوه.
task-proposed-call_back = هذا ما سمعته آلة من المكالمة. تأكدوا منه مع المتصل.
task-next = حفظ ثم التالي
task-save = حفظ
task-release = ترك المهمة
task-release-hint = يستطيع غيركم أخذها عندئذ. لا يُحفظ ما كتبتموه.
task-copy = كلماتكم في الأسفل كي تنسخوها. لم تُحفظ.
task-fault-text = دوّنوا ما قيل، بما لا يزيد على 20000 حرف، فإن لم يُفهم فاذكروا ذلك في الملاحظة.
task-fault-other = لا يمكن قبول هذا. يرجى مراجعة الاستمارة.
task-fault-accepted = حددوا هل هو شكوى.
task-fault-outcome = حددوا نتيجة الاتصال.
task-fault-category = اختاروا الموضوع من القائمة.
task-fault-district = اختاروا البلدية من القائمة.
task-fault-kind = اختاروا النوع من القائمة.
task-fault-place = وصف المكان طويل جداً.
task-fault-note = الملاحظة طويلة جداً.
moment = { $date }، { $time }
waits = مدة الانتظار: { $time }
said-on = قاله المواطن: { $time }
danger-badge = خطر على الحياة
care-badge = يحتاج عناية خاصة
known-heading = ما كُتب من قبل
call-why = { $why ->
    [danger] ضغط المتصل رقم الخطر ولم يترك رسالة.
    [asked] طلب المتصل أن نعاود الاتصال به.
    [agent] انتظر المتصل موظفاً ولم يردّ أحد.
   *[report] بدأ المتصل بلاغاً ولم يترك رسالة.
}
call-number = رقم المتصل:
call-no-number = لا رقم معروف.
calls-heading = محاولات سابقة
outcome-label = ما نتيجة الاتصال؟
outcome-reached = أجاب
outcome-not_reached = لم يجب
outcome-declined = لا يريد المتابعة
accepted-label = هل هو شكوى؟
accepted-yes = نعم، يُسجل
accepted-no = لا
post-open = فتح المنشور
note-label = ملاحظة للزملاء
item-image = صورة { $number }
item-audio = تسجيل { $number }
item-video = فيديو { $number }
item-open = الملف { $number } ({ $ending })
item-waiting = الملف { $number } ما زال يُجلب
keys-task = المفاتيح: Ctrl+Enter للحفظ ثم التالي.
keys-tape = Ctrl+مسافة للتشغيل والإيقاف، وCtrl+B للرجوع خمس ثوانٍ.

## ما يُحدد

as-the-words-say = بحسب الكلام
category-label = الموضوع
kind-label = النوع
kind-complaint = شكوى
kind-request = طلب
kind-suggestion = مقترح
kind-enquiry = استفسار
district-label = البلدية
district-unknown = غير معروفة
where-label = المكان
danger-label = حياة أحد في خطر الآن
danger-hint = يتقدم هذا على كل ما سواه.
way = { $way ->
    [walk_in] مراجعة شخصية
    [phone] هاتف
    [paper_box] صندوق الشكاوى
    [office] رسالة أو مكتب
    [radio] إذاعة
    [newspaper] صحيفة
    [meeting] لقاء
    [inspector_general] المفتش العام
    [fax] فاكس
    [voice] الخط الساخن
    [sms] رسالة نصية
    [whatsapp] واتساب
    [telegram] تلغرام
    [email] بريد إلكتروني
    [facebook] فيسبوك
    [messenger] ماسنجر
    [instagram] إنستغرام
    [x] إكس
    [youtube] يوتيوب
    [web] صفحة المواطن
    [app] تطبيق
    [api] عبر نظام آخر
   *[other] { $way }
}

## الإدخال

entry-title = إدخال جديد
entry-lead = لمن حضر أو اتصل، ولما ورد على الورق أو في الإذاعة أو الصحافة.
entry-text = ما الموضوع؟
entry-text-hint = بكلمات المواطن. مع صورة أو تسجيل يمكن تركه فارغاً، فيصير مهمة تدوين.
entry-submit = حفظ وعرض الإيصال
entry-another = إدخال آخر
way-label = كيف ورد؟
date-label = التاريخ
time-label = الوقت
date-hint = متى قاله المواطن أو كتبه، إن لم يكن ذلك الآن.
files-label = صور ضوئية أو صور أو تسجيلات
files-hint = حتى { $count } ملفات، لا يزيد كل منها على { $size } ميغابايت.
files-choose = إضافة ملفات
files-kept = وصلتنا مع هذه الاستمارة. أزيلوا العلامة عما لا تريدون إرساله.
citizen-heading = المواطن
name-label = الاسم
phone-label = الهاتف
email-label = البريد الإلكتروني
confidential-label = لا تُطلع الدائرة على صاحب الشكوى
confidential-hint = ترى الدائرة المشكلة، ولا ترى الاسم ولا الرقم.
keys-entry = المفتاح: Ctrl+Enter للحفظ.
faults-heading = { $count ->
    [one] أمر واحد يحتاج إلى انتباهكم. كل ما عداه باقٍ هنا.
    [two] أمران يحتاجان إلى انتباهكم. كل ما عداهما باقٍ هنا.
    [few] { $count } أمور تحتاج إلى انتباهكم. كل ما عداها باقٍ هنا.
   *[other] { $count } أمراً يحتاج إلى انتباهكم. كل ما عداها باقٍ هنا.
}
fault-way = حددوا كيف ورد.
fault-date = هذا ليس تاريخاً. اختاروه من التقويم.
fault-date-ahead = التاريخ في المستقبل.
fault-date-old = التاريخ قبل سنة 1900.
fault-time-alone = الوقت يحتاج إلى تاريخه.
fault-text-missing = اكتبوا الموضوع، أو أضيفوا ملفاً.
fault-text-long = هذا طويل: يتسع الحقل لـ { $limit } حرف.
fault-field-long = هذا طويل: يتسع الحقل لـ { $limit } حرف.
fault-choice = اختاروا من القائمة.
fault-phone = { $doubt ->
    [letters] في رقم الهاتف حروف. اكتبوه بالأرقام.
    [short_code] رقم الهاتف أقصر من أن يُتصل به. اكتبوه كاملاً.
    [too_long] هذا أطول من رقم هاتف.
    [kind] هذا رقم ذو تعرفة خاصة.
   *[other] لا يوجد هاتف بهذا الرقم. راجعوا أرقامه، أو اتركوه فارغاً.
}
fault-email = هذا ليس عنوان بريد إلكتروني. مثاله: name@example.com
fault-file-type = { $file } ليس صورة أو صوتاً أو فيديو أو ملف PDF نستطيع فتحه.
fault-file-big = { $file } أكبر من { $size } ميغابايت.
fault-file-empty = { $file } فارغ.
fault-file-many = { $file } زائد على العدد: { $count } ملفات على الأكثر.

## الإيصال

receipt-title = تم الحفظ
receipt-printed = بلاغات { $city }
receipt-danger = سُجل على أنه خطر على الحياة، وقد تقدم على كل ما سواه.
receipt-files = { $count ->
    [one] وصل معه ملف واحد.
    [two] وصل معه ملفان.
    [few] وصلت معه { $count } ملفات.
   *[other] وصل معه { $count } ملفاً.
}
reference-label = رقم البلاغ
pin-label = الرمز السري
receipt-keep = يتابع المواطن بلاغه بالرقمين معاً. لا يُعطى الرمز السري لغيره.
receipt-hotline = أو الخط الساخن { $number }
print = طباعة

## الفرز

triage-title = الفرز
triage-lead = أي دائرة هي المسؤولة؟ أقوى الاقتراحات أولاً.
triage-none = لا شيء ينتظر قراراً.
triage-more = وراء هذه غيرها.
triage-rejected = رُفض لدى { $department }:
triage-suggested = رُفض لدى { $department }، والمقترح { $suggested }:
said-heading = ما قالته الدوائر
said-verb = { $verb ->
    [accepted] قبول
    [rejected] رفض
    [progressed] قيد العمل
    [resolved] إنجاز
   *[other] { $verb }
}
said-due = الموعد { $date }
said-suggested = المقترح: { $department }
case-label = البلاغ { $reference }
case-wordless = لم يُكتب شيء بعد.
department-label = دائرة أخرى
department-choose = اختيار…
department-route = توجيه
keys-triage = المفاتيح: 1 و2 و3 لتوجيه البلاغ المعلّم، J وK للانتقال إلى التالي والسابق، D لقائمة الدوائر.

## الحوادث: سبب واحد وراء بلاغات كثيرة

incidents-title = الحوادث
incidents-lead = سبب واحد وراء بلاغات كثيرة: الموضوع نفسه، في المكان والوقت نفسهما. يبقى لكل مواطن رقمه، وترى الدائرة عملاً واحداً.
incidents-suggested = لعلها من سبب واحد
incidents-open = حوادث قائمة
incidents-count = { $count ->
    [one] بلاغ واحد
    [two] بلاغان
    [few] { $count } بلاغات
    [many] { $count } بلاغاً
   *[other] { $count } بلاغ
 }
incidents-more = ومعها { $count } غيرها لا تظهر هنا.
incidents-burst = البلاغات كثيرة من هناك الآن
incidents-of-one = إلى حادثة قائمة
incidents-create = سبب واحد
incidents-join = ضمّها إلى الحادثة
incidents-dismiss = أسباب مختلفة
incidents-none-suggested = لا شيء يبدو من سبب واحد.
incidents-none = لا حوادث قائمة.
incidents-lead-of = البلاغ الأول { $reference }
incidents-members = بلاغاتها
incidents-leave = إخراج المعلّم منها
incidents-close = إغلاق الحادثة: لا ينضم إليها شيء بعد الآن
causes-title = ما يتكرر
causes-lead = خمسة بلاغات على الأقل من ثلاثة أشخاص خلال تسعين يوماً، في المكان نفسه.
causes-none = لا شيء يتكرر.
causes-what = الموضوع
causes-where = أين
causes-week = 7 أيام
causes-month = 30 يوماً
causes-quarter = 90 يوماً
causes-last = آخرها
causes-senders = { $count ->
    [two] من شخصين
    [few] من { $count } أشخاص
    [many] من { $count } شخصاً
   *[other] من { $count } شخص
 }
growth-up = ▲ أكثر من ذي قبل
growth-down = ▼ أقل من ذي قبل
growth-same = كما كان

split-lead = فيه مشكلة ثانية؟
split-label = المشكلة الثانية
split-submit = فصلها في بلاغ مستقل

## بلاغ واحد، وما فيه مشكلة ثانية

complaints-title = بلاغ برقمه
complaints-lead = أين وصل، ولماذا، وماذا جرى له. ولا يظهر هنا من قدّمه.
complaints-number = رقم البلاغ
complaints-open = فتح
complaints-none = لا بلاغ بهذا الرقم. راجعوا أرقامه العشرة.
complaints-unread = الرقم صحيح، والرسالة محفوظة ولم تُفهم بعد. إن بقيت هكذا دقائق فأخبروا مشغّل النظام.
complaints-doubled = بلاغات لعل فيها مشكلة ثانية
complaints-doubled-lead = وصل كل بلاغ منها إلى دائرته تلقائياً في الأيام الثلاثة الأخيرة، وفيه كلام عن أمر آخر لم يُسأل أحد عنه بعد.
complaints-doubled-none = لا يبدو أن في أي بلاغ مشكلة ثانية.
complaints-split-as = فصل «{ $category }» في بلاغ مستقل
dossier-words-hidden = هذا بلاغ سري: لا يطّلع على نصه إلا الدائرة المسؤولة عنه.
dossier-confidential = سري
dossier-route = المسار
dossier-department = الدائرة
dossier-category = الموضوع
dossier-how = كيف
dossier-automatic = تلقائياً، بالقاعدة { $rule }
dossier-decided = بقرار موظف
dossier-suggested = باقتراح الدائرة التي رفضته
dossier-why = لماذا
dossier-due = الموعد
dossier-incident = الحادثة
dossier-incident-of = حادثة البلاغ { $reference }، وفيها { $count ->
    [one] بلاغ واحد
    [two] بلاغان
    [few] { $count } بلاغات
    [many] { $count } بلاغاً
   *[other] { $count } بلاغ
 }
dossier-related = بلاغات متصلة به
dossier-history = ما جرى
dossier-unrouted = لم يُوجَّه بعد.
dossier-by = بيد { $by }
dossier-split-off = فُصل منه البلاغ { $reference }
dossier-joined = ضُمّ إلى حادثة
dossier-raised = ارتفعت أولويته
dossier-status = { $status ->
    [received] وصل
    [triage] عند الفرز
    [offered] معروض على الدائرة
    [accepted] قبلته الدائرة
    [in_progress] قيد العمل
    [resolved] أُنجز
    [closed] أُغلق
    [withdrawn] سُحب
   *[other] { $status }
}
dossier-event = { $event ->
    [received] وصل
    [amended] زِيد عليه أو عُدّل
    [offered] عُرض على دائرة
    [triaged] عُرض على الفرز
    [recalled] سُحب من دائرة
    [accepted] قبلته الدائرة
    [rejected] رفضته الدائرة
    [progressed] عملت الدائرة عليه
    [resolved] أُنجز
    [closed] أُغلق
    [reopened] فُتح من جديد
    [escalated] رُفع إلى جهة أعلى
    [withdrawn] سُحب
   *[other] { $event }
}
danger-why = لماذا عُدّ خطراً: { $kind ->
    [stated] قال ذلك صاحبه أو موظف.
    [learned] كلامه يشبه كلام من هم في خطر.
    [rule] قاعدة التوجيه { $name }.
    [category] موضوعه { $name }.
    [words] { $words } (قاعدة { $name }).
   *[frame] قاعدة { $name }.
}
