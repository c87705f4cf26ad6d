/* Keys for people who do this all day; every page works without them. Letters are taken by their place on the keyboard,
   so that they are the same whether it types Arabic or Latin. */
"use strict";
{
  const typing = (target) => target.closest?.("input, select, textarea, [contenteditable]");
  const send = (form, button) => {
    if (form.dataset.sent) return;
    if (form.requestSubmit) form.requestSubmit(button);
    else button.click();
  };

  /* One press, one decision: the page that follows brings the next. */
  for (const form of document.querySelectorAll("form[data-keys=triage]")) {
    form.addEventListener("submit", (event) => {
      if (document.body.dataset.sent) event.preventDefault();
      document.body.dataset.sent = "yes";
    });
  }
  const decideAgain = () => { delete document.body.dataset.sent; };
  addEventListener("pageshow", decideAgain);
  whenStopped(decideAgain);

  const cases = [...document.querySelectorAll("form[data-keys=triage]")];
  let current = 0;
  const go = (index) => {
    if (!cases.length) return;
    cases[current].classList.remove("current");
    current = Math.max(0, Math.min(cases.length - 1, index));
    cases[current].classList.add("current");
    cases[current].focus({ preventScroll: true });
    cases[current].scrollIntoView({ block: "nearest" });
  };
  if (cases.length) {
    go(0);
    for (const [index, form] of cases.entries()) form.addEventListener("focusin", () => {
      if (index === current) return;
      cases[current].classList.remove("current");
      current = index;
      form.classList.add("current");
    });
  }

  const work = document.querySelector("form[data-keys=task]");
  const tape = document.querySelector("audio, video");
  /* What is heard or read is typed at once. A telephone's keyboard would hide the recording. */
  if (document.querySelector(".beside .item") && !document.getElementById("faults") && !matchMedia("(pointer: coarse)").matches) {
    work?.querySelector("textarea")?.focus({ preventScroll: true });
  }
  addEventListener("keydown", (event) => {
    if (event.isComposing || event.repeat || event.altKey || event.metaKey) return;
    /* Enter in a line of the form would save a work half done. */
    if (event.key === "Enter" && !event.ctrlKey && event.target.matches?.("form[data-keys=task] input")) {
      event.preventDefault();
      return;
    }
    if (work && event.ctrlKey && !event.shiftKey) {
      if (event.code === "Enter" || event.code === "NumpadEnter") {
        event.preventDefault();
        send(work, work.querySelector("button[type=submit]"));
      } else if (tape && event.code === "Space") {
        event.preventDefault();
        if (tape.paused) tape.play().catch(() => {});
        else tape.pause();
      } else if (tape && event.code === "KeyB") {
        event.preventDefault();
        tape.currentTime = Math.max(0, tape.currentTime - 5);
      }
      return;
    }
    if (!cases.length || event.ctrlKey || event.shiftKey || typing(event.target)) return;
    const digit = /^(?:Digit|Numpad)([1-3])$/.exec(event.code);
    if (digit) {
      const button = cases[current].querySelector(`[data-key="${digit[1]}"]`);
      if (button) {
        event.preventDefault();
        send(cases[current], button);
      }
    } else if (event.code === "KeyJ") go(current + 1);
    else if (event.code === "KeyK") go(current - 1);
    else if (event.code === "KeyD") {
      event.preventDefault();
      cases[current].querySelector("select").focus();
    }
  });
}
