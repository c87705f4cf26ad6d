/* What the pages can do better with a script; everything works without it. */
"use strict";

document.documentElement.classList.add("script");
for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;

/* A form that came back with faults: read them first. */
document.getElementById("faults")?.focus();

/* The form: name the chosen files, say which are too large before they are uploaded, and send once. */
const files = document.getElementById("files");
const isolate = (text) => {
  const part = document.createElement("bdi");
  part.textContent = text;
  return part;
};
const measured = (number, unit, digits) => new Intl.NumberFormat(`${document.documentElement.lang}-u-nu-latn`,
  { style: "unit", unit, maximumFractionDigits: digits }).format(number);
const size = (bytes) => bytes < 1024 * 1024
  ? measured(Math.ceil(bytes / 1024), "kilobyte", 0) : measured(bytes / 1024 / 1024, "megabyte", 1);
files?.addEventListener("change", () => {
  const limit = Number(files.dataset.size) * 1024 * 1024;
  const rows = [...files.files].map((file, index) => {
    const row = document.createElement("li");
    const many = index >= Number(files.dataset.count);
    if (many || file.size > limit) {
      const [before, after] = (many ? files.dataset.many : files.dataset.big).split("*");
      row.append(before, isolate(file.name), after);
      row.classList.add("wrong");
    } else {
      row.append(isolate(file.name), " ", isolate(size(file.size)));
    }
    return row;
  });
  document.getElementById("chosen").replaceChildren(...rows);
});

/* What sending locks opens again when the sending is stopped, or by coming back with the "back" button. Browsers that
   cannot say that it was stopped open it after a while: what is sent twice is taken once. */
const whenStopped = (open) => {
  globalThis.navigation?.addEventListener("navigateerror", open);
  addEventListener("pageshow", (event) => { if (event.persisted) open(); });
};
const PATIENCE = 20000; /* milliseconds */

const report = document.getElementById("report");
const buttons = [...(report?.querySelectorAll("button[type=submit]") ?? [])];
const words = buttons.map((button) => button.textContent);
report?.addEventListener("submit", (event) => {
  if (report.dataset.sent) return event.preventDefault();
  report.dataset.sent = "yes";
  (event.submitter ?? buttons[0]).textContent = report.dataset.sending;
  setTimeout(() => { /* after the browser has read the form */
    for (const button of buttons) button.disabled = Boolean(report.dataset.sent);
  });
  if (!globalThis.navigation) setTimeout(unlock, PATIENCE);
});
const unlock = () => {
  if (!report) return;
  delete report.dataset.sent;
  for (const [index, button] of buttons.entries()) {
    button.disabled = false;
    button.textContent = words[index];
  }
};
whenStopped(unlock);

/* The receipt. */
document.getElementById("print")?.addEventListener("click", () => print());
const copy = document.getElementById("copy");
copy?.addEventListener("click", async () => {
  const reference = document.getElementById("reference").textContent;
  const pin = document.getElementById("pin").textContent;
  const text = `${copy.dataset.reference}: \u2066${reference}\u2069\n${copy.dataset.pin}: \u2066${pin}\u2069`;
  try {
    await navigator.clipboard.writeText(text);
  } catch { /* not on https, or not allowed */
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  copy.textContent = copy.dataset.copied;
});

/* The report's page: draw its story anew whenever it has grown, while somebody looks. */
const story = document.getElementById("story");
if (story?.dataset.events) {
  const light = document.querySelector(".live");
  let source = null;
  let drawn = "";
  const close = () => {
    source?.close();
    source = null;
    light.classList.add("off");
  };
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(story.dataset.events);
    source.addEventListener("open", () => light.classList.remove("off"));
    source.addEventListener("story", (event) => {
      if (event.data !== drawn) story.innerHTML = drawn = event.data;
    });
    source.addEventListener("end", close);
    source.addEventListener("error", () => {
      light.classList.add("off");
      if (source?.readyState === EventSource.CLOSED) { /* too many look just now: ask again later */
        close();
        setTimeout(open, 15000);
      }
    });
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  open();
}
