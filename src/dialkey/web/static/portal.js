// What scripts add to the portal. Every page works without them; nothing here decides anything.
// Copy buttons, the toast and sending a form once come with dialkey.js.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text) element.textContent = text;
    return element;
  };

  // Menus: one open at a time; Escape, and a click elsewhere, close them.
  const menus = all("details.menu, details.switcher, details.navsheet");
  document.addEventListener("click", (event) => {
    for (const menu of menus) if (menu.open && menu.matches(".menu") && !menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = menus.filter((menu) => menu.open && menu.contains(document.activeElement)).pop();
    if (!open) return;
    open.open = false;
    one("summary", open).focus();
  });

  // The tab that is open stands in view.
  for (const tab of all(".tabs [aria-current]")) {
    const bar = tab.closest(".tabs");
    bar.scrollLeft = tab.offsetLeft - bar.clientWidth / 2 + tab.offsetWidth / 2;
  }

  // Asks the server what it would say of a value: GET {address}?value=… -> {"problem": "words, or empty"}.
  const ask = async (address, value, signal) => {
    const url = new URL(address, location.href);
    url.searchParams.set("value", value);
    const response = await fetch(url, { headers: { accept: "application/json" }, signal });
    if (!response.ok) return null;
    return (await response.json()).problem;
  };

  // One field, checked when it is left.
  for (const input of all("input[data-check]")) {
    let asking = null;
    const said = make("p", "said");
    said.setAttribute("aria-live", "polite");
    input.after(said);
    const show = (problem) => {
      said.textContent = problem || "";
      if (problem) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    };
    input.addEventListener("input", () => show(""));
    input.addEventListener("change", async () => {
      if (asking) asking.abort();
      if (!input.value) return;
      asking = new AbortController();
      try { show(await ask(input.dataset.check, input.value, asking.signal)); } catch { /* the server will say it */ }
    });
  }

  // Chips: the textarea stays the field that is sent; chips show its lines.
  for (const field of all("[data-chips]")) {
    const area = one("textarea", field);
    if (area.readOnly) continue;
    const states = new Map();
    for (const line of (field.dataset.chipsStates || "").split("\n").filter(Boolean)) {
      const [tone, ...rest] = line.split(" ");
      const value = rest.pop();
      states.set(value, [tone, rest.join(" ")]);
    }
    const box = make("div", "chips");
    const input = make("input", "chips-input");
    const problems = make("div", "chips-problems");
    const label = one("label", field);
    input.type = "text";
    input.id = `${area.id}-new`;
    input.placeholder = field.dataset.chipsPlaceholder || "";
    input.autocomplete = "off";
    input.spellcheck = false;
    input.setAttribute("autocapitalize", "off");
    input.setAttribute("aria-describedby", `${area.getAttribute("aria-describedby") || ""} ${area.id}-said`.trim());
    if (area.getAttribute("aria-invalid")) box.classList.add("chips-wrong");
    problems.id = `${area.id}-said`;
    problems.setAttribute("aria-live", "polite");
    label.htmlFor = input.id;
    area.hidden = true;
    const focused = document.activeElement === area;
    const list = () => area.value.split(/\s+/).filter(Boolean);
    const found = new Map();
    const tell = () => {
      problems.replaceChildren();
      for (const value of list()) if (found.get(value)) problems.append(make("p", "said", `${value}: ${found.get(value)}`));
    };
    const check = async (value) => {
      if (!field.dataset.chipsCheck || found.has(value)) return;
      try {
        const problem = await ask(field.dataset.chipsCheck, value);
        if (problem === null) return;
        found.set(value, problem);
        draw();
      } catch { /* the server will say it */ }
    };
    const put = (values) => {
      area.value = [...new Set(values)].join("\n");
      area.dispatchEvent(new Event("input", { bubbles: true }));
      draw();
    };
    const draw = () => {
      all(".chips-item", box).forEach((item) => item.remove());
      for (const value of list()) {
        const item = make("span", "chips-item" + (found.get(value) ? " chips-bad" : ""));
        item.append(make("span", "", value));
        const state = states.get(value);
        if (state) item.append(make("span", `chip chip-${state[0]}`, state[1]));
        const drop = make("button", "chips-drop");
        drop.type = "button";
        drop.setAttribute("aria-label", `Remove ${value}`);
        drop.append(make("span", "", "×"));
        drop.addEventListener("click", () => {
          put(list().filter((other) => other !== value));
          input.focus();
        });
        item.append(drop);
        input.before(item);
      }
      tell();
    };
    const take = (text) => {
      const values = text.split(/[\s,]+/).filter(Boolean);
      input.value = "";
      if (!values.length) return;
      put([...list(), ...values]);
      values.forEach(check);
    };
    input.addEventListener("keydown", (event) => {
      if (["Enter", ",", " "].includes(event.key) && input.value.trim()) {
        event.preventDefault();
        take(input.value);
      } else if (event.key === "Backspace" && !input.value) {
        const values = list();
        input.value = values.pop() || "";
        if (input.value) event.preventDefault();
        put(values);
      }
    });
    input.addEventListener("paste", (event) => {
      const text = event.clipboardData && event.clipboardData.getData("text");
      if (!text || !/[\s,]/.test(text.trim())) return;
      event.preventDefault();
      take(input.value + text);
    });
    input.addEventListener("blur", () => take(input.value));
    if (area.form) area.form.addEventListener("submit", () => take(input.value));
    box.addEventListener("click", (event) => event.target === box && input.focus());
    box.append(input);
    area.before(box);
    area.after(problems);
    draw();
    list().forEach(check);
    if (focused) input.focus();
  }

  // How many characters are left.
  for (const area of all("[data-count]")) {
    const most = Number(area.getAttribute("maxlength"));
    const line = one(".label-line", area.closest(".field"));
    const counter = make("span", "counter number");
    const show = () => {
      counter.textContent = area.value.length > most * 0.8 ? `${most - area.value.length} left` : "";
    };
    area.addEventListener("input", show);
    line.append(counter);
    show();
  }

  // A chosen picture is shown before it is sent.
  for (const file of all("[data-file]")) {
    const input = one("input", file);
    input.addEventListener("change", () => {
      const chosen = input.files[0];
      if (!chosen || !chosen.type.startsWith("image/")) return;
      const reader = new FileReader();
      reader.addEventListener("load", () => {
        const old = one(".file-now", file);
        const image = make("img", old.className.replace("file-none", ""));
        image.alt = "The picture you chose";
        image.src = reader.result;
        old.replaceWith(image);
      });
      reader.readAsDataURL(chosen);
    });
  }

  // What is shown once can be kept as a file.
  for (const box of all("[data-secret]")) {
    one("[data-secret-download]", box).addEventListener("click", () => {
      const lines = all("[data-secret-name]", box).map((value) => {
        const text = value.textContent.trim();
        return value.dataset.secretName ? `${value.dataset.secretName}=${text}` : text;
      });
      const link = make("a");
      link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/plain" }));
      link.download = box.dataset.secretFile;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  }

  // A select that stands alone in a filter sends it.
  for (const select of all(".filter select")) select.addEventListener("change", () => select.form.requestSubmit());

  // Scopes: what is optional is enabled, and what is not enabled is not optional.
  for (const optional of all("input[name^='optional:']")) {
    const enabled = optional.form && optional.form.elements[optional.name.replace("optional:", "on:")];
    if (!enabled) continue;
    optional.addEventListener("change", () => { if (optional.checked) enabled.checked = true; });
    enabled.addEventListener("change", () => { if (!enabled.checked) optional.checked = false; });
  }

  // Leaving a form with changes asks first.
  for (const form of all("form[data-guard]")) {
    let changed = false;
    form.addEventListener("input", () => (changed = true));
    form.addEventListener("submit", () => (changed = false));
    addEventListener("beforeunload", (event) => changed && event.preventDefault());
  }
})();

// Accounts: passwords that can be looked at, passkeys, codes, and the mailbox.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);

  for (const button of all("[data-reveal]")) {
    const input = document.getElementById(button.dataset.reveal);
    const show = (on) => {
      input.type = on ? "text" : "password";
      button.setAttribute("aria-pressed", on);
      one("[data-reveal-text]", button).textContent = on ? "Hide" : "Show";
    };
    button.addEventListener("click", () => show(input.type === "password"));
    input.form.addEventListener("submit", () => show(false));
  }

  for (const rule of all("[data-rule]")) {
    const input = document.getElementById(rule.dataset.rule);
    const least = Number(rule.dataset.least);
    const words = rule.textContent;
    input.addEventListener("input", () => {
      const count = [...input.value].length;
      rule.classList.toggle("rule-kept", count >= least);
      rule.textContent = !count ? words : count < least ? `${count} of ${least} characters` : "Long enough. Longer is better still.";
    });
  }

  // A code is sent when its last digit is there.
  for (const input of all("input[data-code]")) {
    input.addEventListener("input", () => {
      const digits = input.value.replace(/\D/g, "");
      if (digits.length === Number(input.dataset.code) && !/[^\d\s-]/.test(input.value)) input.form.requestSubmit();
    });
  }

  for (const button of all("[data-print]")) button.addEventListener("click", () => print());

  // What a reload must not ask for again.
  const stay = one("[data-after-reload]");
  if (stay) history.replaceState(null, "", stay.dataset.afterReload);

  // Passkeys: options and answers travel as JSON with base64url (WebAuthn level 3, section 5.1.8).
  const bytes = (text) => {
    const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  };
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const options = (form) => {
    const found = JSON.parse(form.dataset.options);
    const listed = (items) => (items || []).map((item) => ({ ...item, id: bytes(item.id) }));
    found.challenge = bytes(found.challenge);
    if (found.user) found.user.id = bytes(found.user.id);
    if (found.allowCredentials) found.allowCredentials = listed(found.allowCredentials);
    if (found.excludeCredentials) found.excludeCredentials = listed(found.excludeCredentials);
    return found;
  };
  const answer = (credential) => {
    const { response } = credential;
    const said = { clientDataJSON: text(response.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"])
      if (response[name]) said[name] = text(response[name]);
    if (response.getTransports) said.transports = response.getTransports();
    return JSON.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response: said,
      authenticatorAttachment: credential.authenticatorAttachment || undefined,
      clientExtensionResults: credential.getClientExtensionResults(),
    });
  };
  const reasons = {
    NotAllowedError: "Nothing was used: it was cancelled, or took too long.",
    InvalidStateError: "This device has a passkey for your account already.",
    SecurityError: "Passkeys do not work at this address.",
  };
  let waiting = null;
  const run = async (form, mediation) => {
    if (waiting) waiting.abort();
    const mine = (waiting = new AbortController());
    const said = one("[data-passkey-said]", form);
    const button = one("button[type=submit]", form);
    if (!mediation) {
      said.textContent = "";
      button.setAttribute("aria-busy", "true");
    }
    try {
      const request = { publicKey: options(form), signal: mine.signal };
      if (mediation) request.mediation = mediation;
      const made = form.dataset.passkey === "create";
      const credential = await navigator.credentials[made ? "create" : "get"](request);
      form.elements.credential.value = answer(credential);
      HTMLFormElement.prototype.submit.call(form);
    } catch (error) {
      if (mediation) return;
      button.removeAttribute("aria-busy");
      if (error.name === "AbortError") return;
      said.textContent = reasons[error.name] || "That did not work. Try again.";
      autofill();
    }
  };
  const autofill = async () => {
    const form = one("form[data-autofill]");
    const able = form && PublicKeyCredential.isConditionalMediationAvailable;
    if (able && (await PublicKeyCredential.isConditionalMediationAvailable())) run(form, "conditional");
  };
  for (const form of all("form[data-passkey]")) {
    if (!window.PublicKeyCredential) {
      if (form.dataset.passkey === "get") form.hidden = true;
      else one("[data-passkey-said]", form).textContent = "This browser knows no passkeys.";
      continue;
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      if (form.reportValidity()) run(form);
    });
  }
  if (window.PublicKeyCredential) {
    autofill();
    addEventListener("pagehide", () => waiting && waiting.abort());
    addEventListener("pageshow", (event) => event.persisted && autofill());
  }

  // The mailbox and the event log look every two seconds whether something arrived.
  let list = one("[data-renew]");
  let paused = false;
  const look = async () => {
    if (document.hidden || paused) return;
    const headers = { accept: "application/json" };
    const { newest } = await (await fetch(list.dataset.renew, { headers })).json();
    if (newest === list.dataset.newest) return;
    const page = await (await fetch(location.href)).text();
    const fresh = one("[data-renew]", new DOMParser().parseFromString(page, "text/html"));
    if (fresh) {
      list.replaceWith(fresh);
      list = fresh;
    }
  };
  if (list) setInterval(() => look().catch(() => {}), 2000);
  const pause = one("[data-renew-pause]");
  if (pause) {
    pause.addEventListener("click", () => {
      paused = !paused;
      const state = one("[data-renew-state]");
      for (const shown of [pause, state]) shown.textContent = paused ? shown.dataset.off : shown.dataset.on;
      state.classList.toggle("live-on", !paused);
    });
  }
})();

// Clients: addresses are asked about for the chosen type; a secret does not wait in the browser's memory.
(() => {
  "use strict";
  for (const form of document.querySelectorAll("[data-client-form]")) {
    const addresses = form.querySelector("[data-client-addresses]");
    const follow = () => {
      const kind = form.querySelector("[name=kind]:checked");
      if (!kind) return;
      addresses.hidden = kind.value === "machine" && ![...addresses.querySelectorAll("textarea")].some((area) => area.value);
      for (const field of addresses.querySelectorAll("[data-chips-check]")) {
        const url = new URL(field.dataset.chipsCheck, location.href);
        url.searchParams.set("kind", kind.value);
        field.dataset.chipsCheck = url.pathname + url.search;
      }
    };
    form.addEventListener("change", (event) => event.target.name === "kind" && follow());
    follow();
  }
  for (const box of document.querySelectorAll("[data-secret]")) addEventListener("pagehide", () => box.remove());
})();
