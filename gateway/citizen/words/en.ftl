### What the citizens' pages say in English. Names on the left are fixed; the same ones stand in ar.ftl.

## On every page

language-name = English
site-title = Report to { $city }
nav-report = Report
nav-track = Follow a report
nav-label = Pages
skip-to-content = Skip to the content
footer-hotline = You can also call the hotline: { $number }
footer-note = The city uses what you write only to deal with your report.
error-title = Please check: { $title }

## The form

report-title = Tell us what happened
report-lead = Your report goes to the department responsible, and you get a number to follow it with.
text-label = What happened?
text-hint = In your own words. If you add a photo you can leave this empty.
files-label = Photos or documents
files-hint = Up to { $count } files, each at most { $size } MB.
files-choose = Add photos or documents
files-kept = Already received with this form. Clear the mark to leave a file out.
where-label = Where is it?
where-hint = Street, neighbourhood, or the nearest landmark.
district-label = District
district-unknown = I don't know
danger-heading = Is anyone's life in danger now?
danger-no = No
danger-yes = Yes, there is danger now
danger-call = If someone is in danger, call first:
more-heading = About the report
kind-label = What is it?
kind-complaint = Complaint
kind-request = Request
kind-suggestion = Suggestion
kind-enquiry = Question
category-label = What is it about?
category-unknown = I don't know
you-heading = You
you-hint = Leave all of this empty if you prefer. With a phone number or an e-mail address the department can ask you for details.
name-label = Name
phone-label = Phone
email-label = E-mail
confidential-label = Keep my name and contact from the department
confidential-hint = The department sees the problem, not who reported it.
optional = optional
honeypot-label = Leave this empty
submit = Send the report
sending = Sending…

## What is wrong with the form

faults-heading = { $count ->
    [one] One thing needs your attention. Everything else you entered is still here.
   *[other] { $count } things need your attention. Everything else you entered is still here.
}
fault-text-missing = Write what happened, or add a photo.
fault-text-long = Please shorten it: at most { $limit } characters fit.
fault-field-long = This is too long: at most { $limit } characters fit.
fault-choice = Choose one from the list.
fault-phone = { $doubt ->
    [letters] This has letters in it. Write the phone number in digits.
    [short_code] The phone number is too short to call back. Write the whole of it.
    [too_long] This is too long for a phone number.
    [kind] This is a special-rate number. Write your own number.
   *[other] This number does not exist. Check the digits, or leave it empty.
}
fault-email = This is not an e-mail address. It looks like name@example.com.
fault-file-type = { $file } is not a photo, sound, video or PDF that we can open.
fault-file-big = { $file } is larger than { $size } MB.
fault-file-empty = { $file } is empty.
fault-file-many = { $file } is one too many: at most { $count } files.
fault-file-again = Please choose your files again.
fault-nonce-forged = This page could not be recognised. Your words are still here: please send it again.
fault-nonce-expired = This page was open for more than a day. Your words are still here: please send it again.
fault-honeypot = A hidden field was filled in, perhaps by your browser. It is empty again: please send once more.
fault-sent-before = This form was sent already and that report has been received. Your changes are not in it: to report them as well, send again.

## When it could not be taken

not-stored-heading = Your report was NOT received
not-stored-text = We could not save it just now. Your words are still here: send it again in a minute, or call { $hotline }.
busy-heading = Your report was NOT received yet
busy-text = Too many reports are arriving from your network. Your words are still here: send again in a minute.
too-much-text = The files together are too large. Your words are still here: choose fewer or smaller files and send again.
too-slow-text = It took too long to arrive. Your words are still here: choose fewer or smaller files and send again.
full-heading = Your report was NOT received yet
full-text = Too many photos and documents are arriving just now. Your words are still here: send again in a minute, or without files.
unreadable-heading = This could not be read
unreadable-text = Your browser sent something that we cannot read, and nothing was received. Open the form again, or call { $hotline }.
foreign-heading = This came from another site
foreign-text = For your safety a report can only be sent from our own page, and nothing was received.
not-found-heading = There is no such page
not-found-text = The address may be mistyped, or the page has moved.
away-heading = We cannot look just now
away-text = Your report is safe. Please try again in a minute.
open-form = Open the form

## The receipt

receipt-title = We have received your report
receipt-files = { $count ->
    [one] One photo or document arrived with it.
   *[other] { $count } photos or documents arrived with it.
}
receipt-lead = Keep these two numbers. With them you can follow your report from any phone.
reference-label = Number
pin-label = Secret PIN
copy = Copy both
copied = Copied
print = Print
receipt-keep = Write them down or take a picture of this screen. Give the PIN to nobody.
receipt-danger = You reported danger to life. If it is still there, call now:
follow = Follow the report
forget = Finish and clear this device
forget-hint = On a phone or computer that others use.

## Following

track-title = Follow a report
track-lead = Enter the two numbers on your receipt.
track-reference-hint = Ten digits
track-pin-hint = Six digits
track-submit = Show the report
track-continue = Go on with report { $reference }
track-wrong = The number and the PIN do not belong together. Check both against your receipt.
track-locked = Too many wrong tries for this number. Try again at { $time }.
track-busy = Too many wrong tries from your network. Please try again in a minute.
view-title = Report { $reference }
view-status = Status
view-department = Responsible now
view-handled = Handled by
view-department-none = Not decided yet
view-due = Expected by
view-due-by = To be done by { $date }
view-answer = The department's answer
view-story = What has happened
view-live = This page updates by itself.
view-reload = Show the latest
view-receipt = Show the receipt
