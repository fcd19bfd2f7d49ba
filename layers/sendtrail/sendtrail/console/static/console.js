// What makes the pages better and none of them needs: times in the reader's zone, messages that open
// in place without a new page, explanations that Escape puts away, previews that show themselves, and
// figures that move while a mailing goes out.
"use strict";

// --- times: the same form and width as the server's, so that nothing moves -----------------------

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number) => String(number).padStart(2, "0");

function localize(within) {
  for (const element of within.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    const day = `${two(at.getDate())} ${months[at.getMonth()]} ${at.getFullYear()}`;
    const minute = `${two(at.getHours())}:${two(at.getMinutes())}`;
    element.textContent = element.dataset.precision === "day" ? day : `${day} ${minute}`;
  }
}

function nameZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const element of document.querySelectorAll("[data-zone]")) {
    element.textContent = `Times are those of ${zone.replaceAll("_", " ")}; point at one for UTC.`;
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

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a.opens");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (link.dataset.busy) return;
  const row = link.closest("tr");
  const inside = document.getElementById(link.getAttribute("aria-controls"));
  const closing = link.getAttribute("aria-expanded") === "true";
  try {
    if (inside) inside.hidden = closing;
    else if (!closing) {
      link.dataset.busy = "yes";
      await open(link);
    }
    link.setAttribute("aria-expanded", String(!closing));
    row.classList.toggle("is-open", !closing);
  } catch {
    window.location.assign(link.href); // signed out, perhaps: the page itself says what is the matter
  } finally {
    delete link.dataset.busy;
  }
});

// --- explanations: Escape puts them away (WCAG 1.4.13) ----------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const hint of document.querySelectorAll(".hint:hover, .hint:focus")) {
    hint.classList.add("hushed");
    const back = () => hint.classList.remove("hushed");
    for (const name of ["mouseleave", "focus", "blur"]) hint.addEventListener(name, back, { once: true });
  }
});

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

localize(document);
nameZone();
