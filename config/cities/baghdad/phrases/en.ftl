### What the city says to a citizen. Names on the left are fixed; change only what follows the = sign.
### Every sentence may use { $city }, { $hotline } and { $emergency }, and what the note above it names.
### A text message in English is 160 letters, or 153 to each part; curly quotes and long dashes cut that to 70 and 67.

## The receipt, by text message or WhatsApp. { $reference } is the number of the complaint, { $pin } its secret code.

receipt =
    We have received your report. Its number:
    { $reference }
    Secret PIN: { $pin }
    Keep both to follow it, or call { $hotline }.
# { $reference }
receipt-amended =
    We added your message to your report number:
    { $reference }
    Questions: call { $hotline }.
receipt-again =
    We have your report. Its number is still
    { $reference }
    Questions: call { $hotline }.
# { $reference }. The department's answer is not sent; it is read on the page that follows the report
told-resolved =
    Your report was resolved:
    { $reference }
    Follow it by number and PIN to read more. If the problem is still there, call { $hotline }.
told-closed =
    Your report was closed:
    { $reference }
    If the problem is still there, call { $hotline }.
# Danger to life. { $emergency } are the emergency numbers of city.toml.
receipt-distress =
    If the danger is still there, call now: { $emergency }
    We have received your report:
    { $reference }
    Secret PIN: { $pin }
opted-out =
    We will send you no more messages. Your report is still being followed. To hear from us again, send: START
opted-in =
    You will hear from us again about your reports. To stop, send: STOP
not-a-text =
    We could not read your message. Please write what is wrong and where, send a photo, or call { $hotline }.
# In public, below a citizen's post: no number, no name, nothing of what it is about
public-thanks =
    Thank you. We have received this and are following it up.

## Where a complaint stands. { $department } is the name of the department.

status-received =
    Received
status-triage =
    At the citizens' affairs desk, to find the responsible department
status-offered =
    Sent to { $department }
status-accepted =
    Accepted by { $department }
status-in_progress =
    In progress at { $department }
status-resolved =
    Resolved by { $department }
status-closed =
    Closed
status-withdrawn =
    Withdrawn at the citizen's request

## What happened to a complaint, line by line, on the tracking page. { $department } is the name of the department.

event-received =
    We received the report
event-amended =
    Information was added to the report
event-triaged =
    A person is finding the responsible department
event-offered =
    The report was sent to { $department }
event-recalled =
    The report was taken back from { $department }, to be sent elsewhere
event-accepted =
    { $department } accepted the report
# When a department changes the date that it had promised
event-dated =
    { $department } set a new date
event-rejected =
    { $department } answered that it is not responsible
event-progressed =
    { $department } is working on it
event-resolved =
    { $department } resolved the report
event-closed =
    The report was closed
event-reopened =
    The report was opened again
event-escalated =
    The answer is late, so the report was raised to a higher level
event-withdrawn =
    The report was withdrawn at the citizen's request

## The hotline: what a caller hears. Each can be recorded by a human voice as prompts/en/<name without voice->.wav
## No brackets, signs or abbreviations: a machine's voice reads the sentence as it stands.

# A text message to the telephone of whoever made the report. { $pin } is the code
voice-code =
    Code to follow your report by telephone: { $pin }
    Good for ten minutes. Tell it to nobody.
voice-welcome =
    Welcome to the hotline of { $city }. Your messages are recorded so that they can be dealt with.
voice-danger-key =
    If a life is in danger, press nine at any time.
voice-not-heard =
    We did not get a choice that we know.
voice-about =
    Say in a few words what is wrong, and where.
voice-speak =
    Speak after the tone: what is wrong, and where exactly. When you have finished, press the hash key.
voice-speak-danger =
    Your report is recorded as urgent. After the tone, say where you are and what is happening. When you have finished, press the hash key.
# { $emergency } are the emergency numbers of city.toml
voice-danger =
    If the danger is still there, hang up and call now: { $emergency }.
voice-nothing-recorded =
    We heard nothing.
voice-thanks =
    Thank you. We have received your message.
voice-your-number =
    The number of your report is
voice-your-pin =
    Its secret PIN is
voice-by-sms =
    We will also send it to you as a text message.
voice-more =
    For another report, press one. For the main menu, press star. Or hang up.
voice-goodbye =
    Thank you for calling. Goodbye.
voice-follow =
    Enter the number of your report, ten digits, then press the hash key.
voice-follow-wrong =
    That number is not right.
voice-code-sent =
    If there is a report with this number, we have sent a code of six digits as a text message to the telephone it came from. Enter the code, then press the hash key.
voice-code-wrong =
    The code is not right. Enter it once more, then press the hash key.
voice-too-many =
    We cannot give information on the report now. Please try later.
voice-services =
    Information on services. Each has its number. To go back, press star.
voice-press =
    press
voice-transaction =
    To hear the state of your transaction, enter its number, then press the hash key. Or wait to go back to the menu.
voice-transaction-unknown =
    We found no transaction with this number.
voice-transaction-away =
    We are sorry, we cannot find out the state of the transaction now.
voice-closed =
    Our agents are not here at this time.
voice-busy =
    All lines are busy or closed. To leave a message, press one. To be called back, press two.
voice-will-call-back =
    An agent will call you back on the number that you are calling from.
voice-place =
    Your place in the queue is
voice-wait =
    Thank you for waiting. To leave a message instead of waiting, press one.
voice-not-answered =
    We are sorry, no agent could answer.
voice-agent-pin =
    Enter your agent code, then press the hash key.
voice-agent-wrong =
    The code is not right.
voice-agent-joined =
    You are on. The next caller will be put through to you.
voice-apology =
    We are sorry, we have a fault. If a life is in danger, call now: { $emergency }. Speak after the tone, and we will listen to your message.
voice-standing-received =
    Your report was received, and has not yet been sent to the responsible department.
voice-standing-triage =
    Your report is with a person who finds the responsible department.
voice-standing-offered =
    Your report was sent to the responsible department.
voice-standing-accepted =
    The responsible department accepted your report.
voice-standing-in_progress =
    Work on your report is in progress.
voice-standing-resolved =
    Your report was resolved.
voice-standing-closed =
    Your report was closed.
voice-standing-withdrawn =
    The report was withdrawn at the citizen's request.
