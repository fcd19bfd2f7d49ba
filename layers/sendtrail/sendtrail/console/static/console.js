// What makes the pages better and none of them needs: times in the reader's zone, messages that open
// in place without a new page, and explanations that Escape puts away.
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

localize(document);
nameZone();
