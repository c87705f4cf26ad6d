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
