// What makes the pages better and none of them needs: times in the reader's zone, messages that open
// in place without a new page, explanations that Escape puts away, previews that show themselves,
// drafts that are saved after a pause, figures that move while a mailing goes out, and an editor with
// numbered lines and a live preview.
"use strict";

// --- times: the same form and width as the server's, so that nothing moves -----------------------

// The names of the months, and the forms of a day and of a time, are the page's: its language's.
const { months, day: dayForm, time: timeForm } = document.body.dataset;
const two = (number) => String(number).padStart(2, "0");
const filled = (form, values) =>
  (form || "").replace(/\{(\w+)(:02)?\}/g, (_, name, padded) => (padded ? two(values[name]) : values[name]));

function localize(within) {
  for (const element of within.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    const short = months.split(" ")[at.getMonth()];
    const day = filled(dayForm, { day: at.getDate(), short, year: at.getFullYear() });
    const minute = `${two(at.getHours())}:${two(at.getMinutes())}`;
    element.textContent = element.dataset.precision === "day" ? day : filled(timeForm, { date: day, time: minute });
  }
}

function nameZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const element of document.querySelectorAll("[data-zone]")) {
    element.textContent = filled(element.dataset.zone, { zone: zone.replaceAll("_", " ") });
  }
}

// --- messages that open in place -------------------------------------------------------------------

async function open(link) {
  const row = link.closest("tr");
  const part = await fetch(link.dataset.part, { credentials: "same-origin", redirect: "error" });
  if (!part.ok) throw new Error(part.statusText);
  const inside = document.createElement("tr");
  inside.className = "inside";
  inside.id = link.getAttribute("aria-controls");
  inside.setAttribute("role", "row");
  const cell = inside.insertCell();
  cell.colSpan = row.cells.length;
  cell.setAttribute("role", "cell");
  cell.innerHTML = await part.text(); // our own page's, which the server has escaped
  localize(cell);
  row.after(inside);
}

// The URL follows, so that what is open can be copied, and is open after a reload.
function toggled(link, opened) {
  link.setAttribute("aria-expanded", String(opened));
  link.closest("tr").classList.toggle("is-open", opened);
  const to = opened ? link.dataset.opened : link.dataset.closed;
  if (to) history.replaceState(null, "", to);
}

async function toggle(link) {
  if (link.dataset.busy) return;
  const inside = document.getElementById(link.getAttribute("aria-controls"));
  const closing = link.getAttribute("aria-expanded") === "true";
  try {
    if (inside) inside.hidden = closing;
    else if (!closing) {
      link.dataset.busy = "yes";
      await open(link);
    }
    toggled(link, !closing);
  } catch {
    window.location.assign(link.href); // signed out, perhaps: the page itself says what is the matter
  } finally {
    delete link.dataset.busy;
  }
}

// A row opens wherever it is clicked, unless something in it is, or text is being selected.
document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const row = event.target.closest("tr:has(> th a.opens)");
  const link = event.target.closest("a.opens") ?? row?.querySelector("a.opens");
  if (!link) return;
  const other = event.target.closest("a, button, input, select, label, summary");
  if ((other && other !== link) || (!other && String(window.getSelection()))) return;
  event.preventDefault();
  toggle(link);
});

// --- Escape closes what opened, the last first, and the focus goes back to what opened it -----------

// Explanations that are pointed at or focused are put away (WCAG 1.4.13).
function hush() {
  const hints = document.querySelectorAll(".hint:not(.hushed):is(:hover, :focus)");
  for (const hint of hints) {
    hint.classList.add("hushed");
    const back = () => hint.classList.remove("hushed");
    for (const name of ["mouseleave", "focus", "blur"]) hint.addEventListener(name, back, { once: true });
  }
  return hints.length > 0;
}

function closePopup() {
  const popup = [...document.querySelectorAll("details[data-popup][open]")].pop();
  if (!popup) return false;
  popup.open = false;
  popup.querySelector("summary").focus();
  return true;
}

function closeRow() {
  const within = document.activeElement?.closest("tr.inside");
  const name = within && CSS.escape(within.id);
  const links = document.querySelectorAll(
    `a.opens[aria-expanded="true"]${name ? `[aria-controls="${name}"]` : ""}`,
  );
  const link = [...links].pop();
  if (!link) return;
  toggle(link);
  link.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  if (!hush() && !closePopup()) closeRow();
});

// What lies over the page goes away when something else is clicked.
document.addEventListener("click", (event) => {
  for (const popup of document.querySelectorAll("details[data-popup][open]")) {
    if (!popup.contains(event.target)) popup.open = false;
  }
});

// --- a command, copied ---------------------------------------------------------------------------------

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent);
    button.textContent = button.dataset.copy;
    setTimeout(() => (button.textContent = label), 2_000);
  });
}

// --- a preview, into its frame ------------------------------------------------------------------------

for (const button of document.querySelectorAll("button[data-now]")) button.form.requestSubmit(button);

// --- the figures of a mailing that goes out: often at first, then less often, for ten minutes ---------

async function refresh(region, status, before) {
  const answer = await fetch(region.dataset.refresh, { credentials: "same-origin", redirect: "error" });
  if (!answer.ok) throw new Error(answer.statusText);
  const part = new DOMParser().parseFromString(await answer.text(), "text/html").body.firstElementChild;
  const now = part.innerHTML;
  if (region.contains(document.activeElement)) return before; // it would be taken from under them
  if (now !== before) region.replaceChildren(...part.childNodes);
  if (status.textContent !== part.dataset.progress) status.textContent = part.dataset.progress;
  return now;
}

async function follow(region) {
  const status = document.querySelector("[data-progress]");
  let shown = "";
  const until = Date.now() + 10 * 60_000;
  for (let wait = 1_000; Date.now() < until; wait = Math.min(wait * 1.15, 15_000)) {
    await new Promise((done) => setTimeout(done, wait));
    if (document.hidden) continue;
    try {
      shown = await refresh(region, status, shown);
    } catch {
      return; // signed out, or gone: the link beside it says what is the matter
    }
  }
}

for (const region of document.querySelectorAll("[data-refresh]")) follow(region);

// --- a draft: saved three seconds after the last change, files apart -----------------------------------

const PAUSE = 3_000;

async function save(form, status) {
  const fields = [...new FormData(form)].filter(([, value]) => typeof value === "string");
  const body = new URLSearchParams([...fields, ["auto", "yes"]]);
  const answer = await fetch(form.dataset.save, { method: "POST", body, credentials: "same-origin", redirect: "error" });
  const told = await answer.json(); // a page says that it cannot be saved so
  if (!answer.ok) return told.said;
  form.elements.revision.value = told.revision;
  const at = new Date(told.at);
  const said = filled(status.dataset.saved, { time: `${two(at.getHours())}:${two(at.getMinutes())}` });
  status.textContent = told.signed_out ? `${said} ${status.dataset.ended}` : said;
  return null;
}

function keepSaved(form) {
  const status = form.querySelector("[data-saved]");
  let timer = 0;
  let saving = Promise.resolve();
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      saving = saving.then(async () => {
        try {
          const refused = await save(form, status);
          if (!refused) return;
          status.textContent = refused;
          form.removeEventListener("input", later); // until somebody decides whose it is to be
        } catch {
          status.textContent = status.dataset.failed;
        }
      });
    }, PAUSE);
  };
  form.addEventListener("input", later);
  form.addEventListener("submit", () => clearTimeout(timer));
}

for (const form of document.querySelectorAll("form[data-save]")) keepSaved(form);

const ownZone = document.querySelector("[data-own-zone]");
if (ownZone) ownZone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;

// --- the editor of templates: numbers beside the lines, and the mail beside its source -------------------

function number(box) {
  const area = box.querySelector("textarea");
  const gutter = document.createElement("pre");
  gutter.className = "gutter";
  gutter.setAttribute("aria-hidden", "true");
  box.classList.add("has-numbers");
  box.prepend(gutter);
  let shown = "";
  const draw = () => {
    const faulty = new Set((box.dataset.faults || "").trim().split(/\s+/).map(Number));
    const count = area.value.split("\n").length;
    const now = `${count} ${box.dataset.faults}`;
    if (now !== shown) {
      shown = now;
      const pieces = [];
      let plain = "";
      for (let line = 1; line <= count; line += 1) {
        if (!faulty.has(line)) plain += `${line}\n`;
        else {
          const mark = document.createElement("b");
          mark.textContent = line;
          pieces.push(plain, mark);
          plain = "\n";
        }
      }
      gutter.replaceChildren(...pieces, `${plain}\n\n`);
    }
    gutter.scrollTop = area.scrollTop;
  };
  area.addEventListener("input", draw);
  area.addEventListener("scroll", draw);
  box.addEventListener("faults", draw);
  draw();
}

for (const box of document.querySelectorAll(".numbered")) number(box);

// A frame of its own for each preview: so the old one stays until the new one is there, and the
// browser's way back leads to the page before, not through previews. A frame keeps the name that it
// was made with, so each has another.
let previews = 0;

function intoNewFrame(form) {
  const button = form.querySelector("button[data-frame]");
  const frames = form.querySelector(".frames");
  const frame = document.createElement("iframe");
  frame.className = "mail";
  frame.setAttribute("sandbox", "");
  frame.title = frames.lastElementChild.title;
  frame.name = `preview-${(previews += 1)}`;
  frames.prepend(frame); // under the old one
  frame.addEventListener("load", () => {
    for (const each of [...frames.children]) if (each !== frame) each.remove(); // to move one is to load it anew
  });
  button.setAttribute("formtarget", frame.name);
  form.requestSubmit(button);
}

function live(form) {
  let asked = 0;
  let timer = 0;
  const outcome = form.querySelector("[data-outcome]");
  const samples = form.querySelector("[data-samples]");
  const check = async () => {
    const mine = (asked += 1);
    try {
      const sent = { method: "POST", body: new FormData(form), credentials: "same-origin", redirect: "error" };
      const answer = await fetch(form.dataset.live, sent);
      if (!answer.ok) throw new Error(answer.statusText);
      const part = new DOMParser().parseFromString(await answer.text(), "text/html").body.firstElementChild;
      if (mine !== asked) return; // more was written meanwhile
      outcome.replaceChildren(...part.querySelector("[data-outcome]").childNodes);
      const fresh = part.querySelector("[data-samples]");
      if (part.dataset.shown && !samples.contains(document.activeElement)) samples.replaceChildren(...fresh.childNodes);
      for (const fresh of part.querySelectorAll("[data-faults-of]")) {
        const name = fresh.dataset.faultsOf;
        const told = form.querySelector(`[data-faults-of="${name}"]`);
        // What is not written yet is no mistake: it is told where it was told before.
        if (!told || (fresh.firstChild && !told.firstChild && name !== "html" && name !== "text")) continue;
        const field = form.elements[name];
        if (field && fresh.firstElementChild) {
          field.setAttribute("aria-invalid", "true");
          field.setAttribute("aria-describedby", `fault-${name} help-${name}`);
        } else if (field) {
          field.removeAttribute("aria-invalid");
          field.setAttribute("aria-describedby", `help-${name}`);
        }
        told.replaceChildren(...fresh.childNodes);
      }
      if (part.dataset.good) document.querySelector("[data-wrong]")?.remove();
      for (const lines of part.querySelectorAll("[data-lines]")) {
        const box = form.elements[lines.dataset.lines].closest(".numbered");
        box.dataset.faults = lines.textContent;
        box.dispatchEvent(new Event("faults"));
      }
      if (part.dataset.shown) intoNewFrame(form);
    } catch {
      if (mine === asked) outcome.textContent = form.dataset.stale;
    }
  };
  form.addEventListener("input", (event) => {
    if (event.target.name === "address") return;
    clearTimeout(timer);
    timer = setTimeout(check, 700);
  });
}

for (const form of document.querySelectorAll("form[data-live]")) live(form);

localize(document);
nameZone();
