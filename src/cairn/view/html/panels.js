"use strict";
// A panel is made when it comes into sight, and put in the place of the section that linked to it.
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); panel(entry.target); }
}, { rootMargin: "200px" });
async function panel(place, address = place.dataset.panel) {
  place.setAttribute("aria-busy", "true");
  const words = place.classList.contains("there") ? null : place.querySelector("a");
  if (words) words.textContent = "Being made. " + words.textContent;
  try {
    const answer = await fetch(address, { headers: { "X-Part": "1" } });
    const around = place.parentElement.closest("section");
    if (answer.status === 204) { // nothing to show, and nobody would miss it
      document.querySelector(`.within a[href="#${around.id}"]`)?.parentElement.remove();
      around.remove();
      return;
    }
    place.replaceChildren(parse(await answer.text()));
    if (!place.classList.contains("there")) {
      place.classList.add("there");
      place.id = around.id;
      around.replaceWith(place); // what came has a heading of its own
    }
  } catch {
    place.textContent = "cairn view does not answer. Load the page again when it does.";
  }
  place.setAttribute("aria-busy", "false");
  ready(place);
}
// What leads from a panel to a panel is shown in the same place.
function within(place, search) {
  panel(place, place.dataset.panel.split("?")[0] + search).then(() => {
    const head = place.querySelector("h2");
    if (head) { head.tabIndex = -1; head.focus({ preventScroll: true }); }
    place.scrollIntoView({ block: "start" });
  });
}
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const place = link && link.closest(".later.there");
  if (!place || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const href = link.getAttribute("href");
  const target = new URL(typeof href === "string" ? href : href.baseVal, location.href);
  if (target.origin !== location.origin || !target.searchParams.has("panel")) return;
  event.preventDefault();
  within(place, target.search);
});
