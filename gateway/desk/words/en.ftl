### What the desk says in English. Names on the left are fixed; the same ones stand in ar.ftl.

## On every page

language-name = English
desk-title = The desk · { $city }
nav-label = Pages
nav-tasks = Tasks
nav-entry = New entry
nav-triage = Triage
nav-incidents = Incidents
nav-complaints = By number
sign-out = Sign out
skip-to-content = Skip to the content
error-title = Please check: { $title }
sending = Saving…

## Signing in

sign-in-title = Sign in
sign-in-name = Name
sign-in-password = Password
sign-in-submit = Sign in
sign-in-wrong = Name and password do not fit, or this name rests after too many wrong passwords: then try again in a quarter of an hour.
sign-in-busy = Too many people are signing in from your network just now. Try again in a minute.
sign-in-cookie = The page was open for too long, or your browser keeps no cookies for this address. Try once more; if it stays so, open the desk over https.
sign-in-again = Sign in again

## Messages

over-heading = Your session has ended
over-text = Nothing was saved, and nothing that you typed is lost. Sign in again in the new tab, come back to this one, reload it and agree to send again.
foreign-heading = This came from another site
foreign-text = The desk takes forms from its own pages only. Nothing was done.
lost-heading = There is no such page
lost-text = Perhaps the task is done, or the address has a mistake in it.
unreadable-heading = It could not be read
unreadable-text = Your browser sent something that we cannot read. Nothing was saved.
too-much-heading = This is more than we can take
too-much-text = Nothing was saved. Go back, and choose fewer or smaller files.
away-heading = It cannot be saved or looked up just now
away-text = Nothing that you typed is lost: wait a minute, reload this page and agree to send again.
broken-heading = Something has broken
broken-text = The fault is ours, and the operator has been told. Nothing was saved.
no-right-heading = This page is not among your tasks
no-right-text = Whoever looks after the desk's people can give you the right to it.
no-work-heading = There is nothing for you here yet
no-work-text = Your name has no right for which this desk has a page. Whoever looks after the desk's people can give you one.
not-held-heading = The file is not here
not-held-text = It is still being fetched from its provider, or it could not be had. Try again later.
to-the-desk = To the desk

note-done = Saved.
note-routed = The complaint is on its way to its department.
note-routed-to = { $reference } is on its way: { $department }.
note-missed = Noted. The task stays in the list for the next try.
note-released = The task is free for others.
note-free = Nobody has this task in hand. Take it from the list.
note-stale = You had signed in anew since this page was opened. Everything typed is still here: please send it once more.
note-taken = A colleague has this in hand.
note-over = This is done already.
note-gone = This task is no longer there.
note-joined = They are put together, and the department will hear of it.
note-parted = It is noted that their causes differ; nobody will be asked again.
note-left = They are taken out, and the department will hear of it.
note-shut = The incident is closed.
note-elsewhere = One of them belongs to another incident: take it out there first.
note-split = The second problem is a complaint of its own: { $reference }.
note-unsplit = This cannot be split off: choose a subject other than the complaint's own, of a complaint that is not over.
note-missing = Choose a department first.
note-not-stored = It could not be saved just now. Everything typed is still here: send it again in a minute.
note-sent-before = This form was sent before, and its complaint is saved. What you changed since is not in it: to enter it as another complaint, send it once more.

## Tasks

tasks-title = What waits for a person
tasks-all = All
tasks-none = Nothing waits here.
task-transcribe = Write down
task-transcribe-lead = Listen or read, and write down what the citizen says, in their own words.
task-call_back = Call back
task-call_back-lead = Call, and write down what the citizen says.
task-confirm = Confirm a post
task-confirm-lead = Is this public post a complaint to the city?
task-claim = Take
task-continue = Go on
task-held = { $by } has it, until { $until } at the latest
task-beside = What it is about
task-text-transcribe = What is said
task-text-call_back = What the citizen said
task-proposed-transcribe = A machine heard this. Listen, and correct it.
task-proposed-call_back = A machine heard this in the call. Ask the caller whether it is right.
task-next = Save and next
task-save = Save
task-release = Let go
task-release-hint = Somebody else may then take it. What you typed is not kept.
task-copy = Your words are below, so that you can copy them. They were not saved.
task-fault-text = Write down what is said, in 20,000 characters at most; if nobody can tell, say so in the note.
task-fault-other = This cannot be taken. Please look through the form.
task-fault-accepted = Say whether it is a complaint.
task-fault-outcome = Say how the call went.
task-fault-category = Choose the subject from the list.
task-fault-district = Choose the district from the list.
task-fault-kind = Choose the kind from the list.
task-fault-place = The place is too long.
task-fault-note = The note is too long.
moment = { $date }, { $time }
waits = waiting for { $time }
said-on = said on { $time }
danger-badge = Danger to life
care-badge = Needs particular care
known-heading = Already written
call-why = { $why ->
    [danger] The caller pressed the danger key and left no message.
    [asked] The caller asked to be called back.
    [agent] The caller waited for an agent, and nobody answered.
   *[report] The caller began a report and left no message.
}
call-number = Call:
call-no-number = No number is known.
calls-heading = Tried in vain
outcome-label = How did it go?
outcome-reached = Reached
outcome-not_reached = Not reached
outcome-declined = Does not want to
accepted-label = Is it a complaint?
accepted-yes = Yes, file it
accepted-no = No
post-open = Open the post
note-label = Note for colleagues
item-image = Picture { $number }
item-audio = Recording { $number }
item-video = Film { $number }
item-open = File { $number } ({ $ending })
item-waiting = File { $number } is still being fetched
keys-task = Keys: Ctrl+Enter saves and brings the next.
keys-tape = Ctrl+Space plays and pauses, Ctrl+B goes back five seconds.

## What is stated

as-the-words-say = As the words say
category-label = Subject
kind-label = Kind
kind-complaint = Complaint
kind-request = Request
kind-suggestion = Suggestion
kind-enquiry = Enquiry
district-label = District
district-unknown = Not known
where-label = Place
danger-label = Somebody's life is in danger now
danger-hint = It goes before everything else.
way = { $way ->
    [walk_in] Walk-in
    [phone] Telephone
    [paper_box] Paper box
    [office] Letter or office
    [radio] Radio
    [newspaper] Newspaper
    [meeting] Meeting
    [inspector_general] Inspector general
    [fax] Fax
    [voice] Hotline
    [sms] SMS
    [whatsapp] WhatsApp
    [telegram] Telegram
    [email] E-mail
    [facebook] Facebook
    [messenger] Messenger
    [instagram] Instagram
    [x] X
    [youtube] YouTube
    [web] Web page
    [app] App
    [api] Through another system
   *[other] { $way }
}

## Entry

entry-title = New entry
entry-lead = For whoever walked in or called, and for what came on paper, on the air or in print.
entry-text = What is it about?
entry-text-hint = In the citizen's words. With a scan or a recording you can leave this empty: then it becomes a task.
entry-submit = Save and show the receipt
entry-another = Enter another
way-label = How did it come?
date-label = Date
time-label = Time
date-hint = When the citizen said or wrote it, if that was not just now.
files-label = Scans, photos, recordings
files-hint = Up to { $count } files, each at most { $size } MB.
files-choose = Add files
files-kept = Already received with this form. Clear the mark to leave a file out.
citizen-heading = The citizen
name-label = Name
phone-label = Telephone
email-label = E-mail
confidential-label = Keep from the department who complains
confidential-hint = It sees the problem, and neither name nor number.
keys-entry = Key: Ctrl+Enter saves.
faults-heading = { $count ->
    [one] One thing needs your attention. Everything else is still here.
   *[other] { $count } things need your attention. Everything else is still here.
}
fault-way = Say how it came.
fault-date = This is no date. Choose it from the calendar.
fault-date-ahead = The date lies in the future.
fault-date-old = The date lies before 1900.
fault-time-alone = A time needs its date.
fault-text-missing = Write what it is about, or add a file.
fault-text-long = Too long: there is room for { $limit } characters.
fault-field-long = Too long: there is room for { $limit } characters.
fault-choice = Choose from the list.
fault-phone = { $doubt ->
    [letters] There are letters in the telephone number. Write it in digits.
    [short_code] The telephone number is too short to be called. Write the whole of it.
    [too_long] This is longer than a telephone number.
    [kind] This is a number of a special tariff.
   *[other] There is no telephone of this number. Check its digits, or leave it empty.
}
fault-email = This is no e-mail address. An example: name@example.com
fault-file-type = { $file } is no picture, sound, film or PDF that we can open.
fault-file-big = { $file } is larger than { $size } MB.
fault-file-empty = { $file } is empty.
fault-file-many = { $file } is one too many: at most { $count } files.

## Receipt

receipt-title = Saved
receipt-printed = Report to { $city }
receipt-danger = Reported as a danger to life. It has gone ahead of everything else.
receipt-files = { $count ->
    [one] One file came with it.
   *[other] { $count } files came with it.
}
reference-label = Number of the complaint
pin-label = PIN
receipt-keep = The citizen follows the complaint with both numbers. Give the PIN to nobody else.
receipt-hotline = or the hotline { $number }
print = Print

## Triage

triage-title = Triage
triage-lead = Which department is responsible? The best guesses come first.
triage-none = Nothing waits for a decision.
triage-more = More wait behind these.
triage-rejected = { $department } rejected it:
triage-suggested = { $department } rejected it and suggests { $suggested }:
said-heading = What departments said
said-verb = { $verb ->
    [accepted] Accepted
    [rejected] Rejected
    [progressed] At work
    [resolved] Resolved
   *[other] { $verb }
}
said-due = by { $date }
said-suggested = suggests { $department }
case-label = Complaint { $reference }
case-wordless = Nothing is written yet.
department-label = Another department
department-choose = Choose…
department-route = Route
keys-triage = Keys: 1, 2 and 3 route the marked complaint, J and K go to the next and the one before, D opens the list of departments.

## Incidents: one cause behind many complaints

incidents-title = Incidents
incidents-lead = One cause behind many complaints: the same matter at the same place and time. Every citizen keeps a number, and the department sees one job.
incidents-suggested = These may have one cause
incidents-open = Open incidents
incidents-count = { $count ->
    [one] one complaint
   *[other] { $count } complaints
 }
incidents-more = And { $count } more that are not shown here.
incidents-burst = many from there just now
incidents-of-one = for an open incident
incidents-create = One cause
incidents-join = Join them to the incident
incidents-dismiss = Different causes
incidents-none-suggested = Nothing looks like one cause.
incidents-none = No open incidents.
incidents-lead-of = first complaint { $reference }
incidents-members = Its complaints
incidents-leave = Take out what is ticked
incidents-close = Close the incident: nothing joins it any more
causes-title = What keeps coming back
causes-lead = At least five complaints of three people within ninety days, at one place.
causes-none = Nothing keeps coming back.
causes-what = What
causes-where = Where
causes-week = 7 days
causes-month = 30 days
causes-quarter = 90 days
causes-last = Latest
causes-senders = of { $count } people
growth-up = ▲ more than before
growth-down = ▼ fewer than before
growth-same = as before

split-lead = Is there a second problem in it?
split-label = The second problem
split-submit = Make it a complaint of its own

## One complaint, and what has a second problem in it

complaints-title = A complaint by its number
complaints-lead = Where it is, why, and what has become of it. Who sent it is not shown here.
complaints-number = Number of the complaint
complaints-open = Open
complaints-none = There is no complaint of this number. Check its ten digits.
complaints-unread = The number is right: the message is safe and has not been understood yet. If that lasts for minutes, tell the operator.
complaints-doubled = There may be a second problem in these
complaints-doubled-lead = They went to their department by themselves within the last three days, and speak of something else too. Nobody has been asked about that yet.
complaints-doubled-none = No complaint seems to have a second problem in it.
complaints-split-as = Make “{ $category }” a complaint of its own
dossier-words-hidden = This complaint is confidential: its words are for the department that has it.
dossier-confidential = Confidential
dossier-route = Route
dossier-department = Department
dossier-category = Subject
dossier-how = How
dossier-automatic = by itself, by the rule { $rule }
dossier-decided = decided by a person
dossier-suggested = as the department that rejected it suggested
dossier-why = Why
dossier-due = Due
dossier-incident = Incident
dossier-incident-of = incident of { $reference }, with { $count ->
    [one] one complaint
   *[other] { $count } complaints
 }
dossier-related = Related complaints
dossier-history = What happened
dossier-unrouted = Not routed yet.
dossier-by = by { $by }
dossier-split-off = { $reference } was split off it
dossier-joined = joined to an incident
dossier-raised = it became more urgent
dossier-status = { $status ->
    [received] Received
    [triage] At the triage desk
    [offered] Offered to its department
    [accepted] Accepted by its department
    [in_progress] In progress
    [resolved] Resolved
    [closed] Closed
    [withdrawn] Withdrawn
   *[other] { $status }
}
dossier-event = { $event ->
    [received] Received
    [amended] Added to or changed
    [offered] Offered to a department
    [triaged] Put to the triage desk
    [recalled] Taken back from a department
    [accepted] Accepted by its department
    [rejected] Rejected by its department
    [progressed] Its department worked on it
    [resolved] Resolved
    [closed] Closed
    [reopened] Opened again
    [escalated] Escalated
    [withdrawn] Withdrawn
   *[other] { $event }
}
danger-why = Why it is taken for danger: { $kind ->
    [stated] the citizen or somebody at the desk said so.
    [learned] it reads like what people in danger write.
    [rule] the routing rule { $name }.
    [category] its subject, { $name }.
    [words] { $words } (rule { $name }).
   *[frame] rule { $name }.
}
