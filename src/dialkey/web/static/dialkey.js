// What scripts add to the pages. Every page works without them; nothing here decides anything.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const language = document.documentElement.lang;

  // Toast: says something for two seconds, to eyes and to screen readers.
  const toast = one("[data-toast]");
  let toastTimer = 0;
  const say = (text) => {
    toast.textContent = text;
    toast.classList.add("toast-shown");
    clearTimeout(toastTimer);
    toastTimer = setTimeout(() => toast.classList.remove("toast-shown"), 2000);
  };

  // A form is sent once; coming back to the page makes it ready again.
  const sent = new WeakSet();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (sent.has(form)) return event.preventDefault();
    sent.add(form);
    const button = event.submitter || one("button:not([type=button])", form);
    if (button) button.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    all("[aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
    all("form").forEach((form) => sent.delete(form));
  });

  // The first problem gets the focus, where the browser has not done so.
  const problem = one("[aria-invalid=true], [data-focus]");
  if (problem && document.activeElement !== problem) problem.focus();
  if (problem && problem.matches("input:not([type=checkbox])")) problem.select();

  // PIN: digits only, sent when all are there, taken from a pasted or received message.
  const pinForm = one("form[data-pin]");
  if (pinForm) {
    const input = one("input[name=pin]", pinForm);
    const count = Number(pinForm.dataset.pin);
    const otp = new AbortController();
    const send = () => {
      if (input.value.length !== count || sent.has(pinForm)) return;
      otp.abort();
      pinForm.requestSubmit();
    };
    const take = (text) => {
      const exact = (text.match(/\d+/g) || []).find((digits) => digits.length === count);
      input.value = exact || text.replace(/\D/g, "").slice(0, count);
      send();
    };
    input.addEventListener("input", () => {
      const digits = input.value.replace(/\D/g, "");
      if (digits !== input.value) input.value = digits;
      input.removeAttribute("aria-invalid");
      send();
    });
    input.addEventListener("paste", (event) => {
      const text = event.clipboardData && event.clipboardData.getData("text");
      if (!text || !/\d/.test(text)) return;
      event.preventDefault();
      take(text);
    });
    pinForm.addEventListener("submit", () => otp.abort());
    addEventListener("pagehide", () => otp.abort());
    if ("OTPCredential" in window) {
      navigator.credentials
        .get({ otp: { transport: ["sms"] }, signal: otp.signal })
        .then((credential) => credential && take(credential.code))
        .catch(() => {});
    }
  }

  // "Get new code" counts down; the server keeps the time.
  for (const form of all("form[data-wait]")) {
    const button = one("button", form);
    const text = one(".button-text", button);
    const ready = text.textContent;
    const until = Date.now() + Number(form.dataset.wait) * 1000;
    const hint = one("[data-wait-hint]", form);
    if (hint) hint.hidden = true;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      button.disabled = left > 0;
      text.textContent = left > 0 ? form.dataset.waitText.replace("#", left) : ready;
      if (left > 0) setTimeout(tick, 250);
    };
    tick();
  }

  // Copy buttons.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest && event.target.closest("[data-copied]");
    if (!button) return;
    const source = button.dataset.copyFrom && document.getElementById(button.dataset.copyFrom);
    const text = source ? source.textContent : button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "only-read";
      area.readOnly = true;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    say(button.dataset.copied);
  });

  // Times in the reader's own time zone.
  const clock = (element) => {
    const at = new Date(Number(element.dataset.time));
    const today = at.toDateString() === new Date().toDateString();
    const style = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    if (!today) Object.assign(style, { day: "numeric", month: "short" });
    element.textContent = at.toLocaleString(language, style);
  };
  all("time[data-time]").forEach(clock);

  // Handset: messages as they arrive, newest first.
  const thread = one("[data-events]");
  if (thread && "EventSource" in window) {
    const list = one("[data-bubbles]", thread);
    const model = one("template[data-bubble]");
    const live = one("[data-live]");
    const show = (on) => {
      live.textContent = on ? live.dataset.liveText : live.dataset.offlineText;
      live.classList.toggle("live-on", on);
    };
    const arrive = (message) => {
      if (all("[data-id]", list).some((row) => row.dataset.id === message.id)) return;
      const row = model.content.firstElementChild.cloneNode(true);
      row.dataset.id = message.id;
      one("[data-slot=sender]", row).textContent = message.sender;
      one("[data-slot=body]", row).textContent = message.body;
      const time = one("[data-slot=time]", row);
      time.dataset.time = message.received_at;
      time.dateTime = new Date(message.received_at).toISOString();
      clock(time);
      const copy = one("[data-copied]", row);
      if (message.code) {
        copy.dataset.copy = message.code;
        one(".button-text", copy).textContent = thread.dataset.copyLabel.replace("#", message.code);
      } else {
        copy.remove();
      }
      row.classList.add("bubble-new");
      list.prepend(row);
      thread.scrollTop = 0;
      const empty = one("[data-empty]", thread);
      if (empty) empty.remove();
      if (document.hidden) document.title = "● " + document.title.replace(/^● /, "");
    };
    const source = new EventSource(thread.dataset.events);
    source.addEventListener("open", () => show(true));
    source.addEventListener("error", () => show(false));
    source.addEventListener("message", (event) => arrive(JSON.parse(event.data)));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) document.title = document.title.replace(/^● /, "");
    });
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  // Form post response: carried on at once, and only once.
  const carry = one("form[data-auto-submit]");
  if (carry) {
    const navigation = performance.getEntriesByType("navigation")[0];
    if (!navigation || navigation.type !== "back_forward") HTMLFormElement.prototype.submit.call(carry);
  }
})();
