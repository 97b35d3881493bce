"use strict";
// Panels: asked for when they come into sight, a few at a time; what a person asks for goes first.
const TOGETHER = 2;
const making = []; // places that wait for an answer, in the order of their turns
const later = []; // places in sight whose turn has not come
const titleOf = (place) => place.closest("section, .there")?.querySelector("h2")?.textContent || "another panel";
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    later.push(entry.target);
  }
  turn();
}, { rootMargin: "200px" });
function turn() {
  while (making.length < TOGETHER && later.length) {
    const place = later.shift();
    if (!place.asked && place.isConnected) panel(place);
  }
}
// How long it takes so far, and what it waits behind.
function wait(place) {
  const line = document.createElement("p");
  const [words, clock] = [document.createElement("span"), document.createElement("span")];
  const begun = Date.now();
  line.className = "being";
  line.setAttribute("role", "status");
  clock.setAttribute("aria-hidden", "true"); // a screen reader would read every second
  line.append(words, clock);
  place.prepend(line);
  const tell = () => {
    const at = making.indexOf(place);
    const said = at > 0 ? `Waits behind “${titleOf(making[0])}”` : "Being made";
    if (words.textContent !== said) words.textContent = said;
    clock.textContent = `: ${Math.floor((Date.now() - begun) / 1000)} s so far.`;
  };
  tell();
  const beat = setInterval(tell, 1000);
  return () => { clearInterval(beat); line.remove(); };
}
async function panel(place, address = place.dataset.panel, first = false) {
  place.stop?.abort(); // whatever was asked for last is what is shown
  const stop = place.stop = new AbortController();
  place.asked = address;
  const old = making.indexOf(place);
  if (old >= 0) making.splice(old, 1);
  making.splice(first ? Math.min(1, making.length) : making.length, 0, place);
  place.querySelector(":scope > .being")?.remove();
  place.setAttribute("aria-busy", "true");
  const done = wait(place);
  try {
    const headers = first ? { "X-Part": "1", "X-First": "1" } : { "X-Part": "1" };
    const answer = await fetch(address, { headers, signal: stop.signal });
    const text = await answer.text();
    const around = place.parentElement.closest("section");
    if (answer.status === 204) { // nothing to show, and nobody would miss it
      document.querySelector(`.within a[href="#${around.id}"]`)?.parentElement.remove();
      around.remove();
      return;
    }
    place.replaceChildren(parse(text));
    place.newest = answer.headers.get("X-Newest") || "";
    if (!place.classList.contains("there")) {
      place.classList.add("there");
      place.id = around.id;
      around.replaceWith(place); // what came has a heading of its own
      listed(place);
    }
  } catch (error) {
    if (stop.signal.aborted) return;
    place.textContent = "cairn view does not answer. Load the page again when it does.";
  } finally {
    done();
    if (place.stop === stop) {
      place.setAttribute("aria-busy", "false");
      making.splice(making.indexOf(place), 1);
      turn();
    }
  }
  ready(place);
  aged();
}
// A panel stands as it was made; where the run has gone on since, a newer one is offered.
function aged() {
  const now = parseFloat(document.querySelector("[data-newest]")?.dataset.newest);
  for (const place of document.querySelectorAll(".later.there")) {
    if (!(now > parseFloat(place.newest)) || place.querySelector(":scope > .newer")) continue;
    const line = document.createElement("p");
    const button = document.createElement("button");
    line.className = "newer note";
    line.textContent = `Made at ${place.newest.replace(/^\S+ /, "")}; the run has gone on since. `;
    button.type = "button";
    button.textContent = "Show it anew";
    button.addEventListener("click", () => panel(place, place.asked, true));
    line.append(button);
    place.prepend(line);
  }
}
// A report has sections of its own: they stand among the page's.
function listed(place) {
  const entry = document.querySelector(`.within a[href="#${place.id}"]`)?.parentElement;
  entry?.after(...[...place.querySelectorAll(":scope > section[id]")].slice(1).map((section) => {
    const item = entry.cloneNode(true);
    item.firstChild.href = "#" + section.id;
    item.firstChild.textContent = section.querySelector("h2").textContent;
    return item;
  }));
}
// What leads from a panel to a panel is shown in the same place, and stands in the address.
const base = (place) => place.dataset.panel.split("?")[0];
function within(place, search) {
  return panel(place, base(place) + search, true).then(() => {
    if (!place.asked.endsWith(search)) return;
    const head = place.querySelector("h2");
    if (head) { head.tabIndex = -1; head.focus({ preventScroll: true }); }
    above(); // the list of sections may just have grown, and its observer comes a frame later
    place.scrollIntoView({ block: "start" });
  });
}
function openHere(place, search) {
  const panels = { ...history.state?.panels };
  history.replaceState({ panels }, "");
  history.pushState({ panels: { ...panels, [place.id]: search } }, "", `#${place.id}${search}`);
  within(place, search);
}
function opened(id) {
  const found = document.getElementById(id);
  return found?.matches(".later") ? found : found?.querySelector(".later");
}
function restore(panels) {
  for (const place of document.querySelectorAll(".later.there")) {
    const wanted = panels[place.id] ? base(place) + panels[place.id] : place.dataset.panel;
    if (place.asked !== wanted) within(place, wanted.slice(base(place).length));
  }
}
// The address says "#PLACE?panel=…": of a page that is loaded again, or was kept as a bookmark.
function fromAddress() {
  const [id, search] = location.hash.slice(1).split(/(?=\?)/);
  const place = search && opened(id);
  if (!place || !new URLSearchParams(search).has("panel")) return;
  history.replaceState({ panels: { ...history.state?.panels, [id]: search } }, "");
  within(place, search);
}
window.addEventListener("popstate", (event) => {
  if (event.state?.panels) restore(event.state.panels);
  else fromAddress();
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const place = link && link.closest(".later");
  if (!place || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const href = link.getAttribute("href");
  const target = new URL(typeof href === "string" ? href : href.baseVal, location.href);
  if (target.origin !== location.origin || !target.searchParams.has("panel")) return;
  event.preventDefault();
  if (place.classList.contains("there")) openHere(place, target.search);
  else { seen.unobserve(place); panel(place, place.dataset.panel, true); }
});
document.addEventListener("DOMContentLoaded", fromAddress);
