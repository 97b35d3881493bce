"use strict";
// What pages do besides being read: theme, keys, live fragments (panels: panels.js). Every page
// works without it: its controls are hidden until it shows them.
const root = document.documentElement;
const THEMES = ["", "dark", "light"];
function kept() { try { return localStorage.getItem("cairn-theme") || ""; } catch { return ""; } }
function theme(name) {
  if (name) root.dataset.theme = name; else delete root.dataset.theme;
  try { localStorage.setItem("cairn-theme", name); } catch { /* private windows keep nothing */ }
  const button = document.getElementById("theme");
  if (button) button.textContent = "Theme: " + (name || "system");
}
if (kept()) root.dataset.theme = kept();
const nextTheme = () => theme(THEMES[(THEMES.indexOf(kept()) + 1) % THEMES.length]);

// Times are written in UTC; here they say how long ago that was.
function ago(time) {
  const s = Math.max(0, (Date.now() - time) / 1000);
  const steps = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];
  const [, unit, name] = steps.find(([limit]) => s < limit);
  return Math.floor(s / unit) + " " + name + " ago";
}
function times(within) {
  for (const found of within.querySelectorAll("time[datetime]")) {
    const time = Date.parse(found.dateTime.replace(" ", "T"));
    if (!Number.isNaN(time)) found.textContent = ago(time);
  }
}

// A fragment replaces the element of its id, or what stands in it. What a person is doing there (a
// tick, the focus, an opened detail) stays.
function parse(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return holder.content;
}
function put(id, html) {
  const old = document.getElementById(id);
  if (!old) return;
  const content = parse(html);
  const first = content.firstElementChild;
  const whole = first && first.id === id;
  const open = [...old.querySelectorAll("details[open][id]")].map((e) => e.id);
  const ticked = [...old.querySelectorAll("input:checked")].map((e) => e.value);
  const active = old.contains(document.activeElement) ? document.activeElement : null;
  const place = active ? [...old.querySelectorAll("a, button, input")].indexOf(active) : -1;
  if (whole) {
    if (old.classList.contains("at")) first.classList.add("at");
    old.replaceWith(content);
  } else {
    old.replaceChildren(content);
  }
  const fresh = document.getElementById(id);
  for (const each of fresh.querySelectorAll("input[type=checkbox]")) each.checked = ticked.includes(each.value);
  for (const each of open) { const found = document.getElementById(each); if (found) found.open = true; }
  if (place >= 0) { const back = fresh.querySelectorAll("a, button, input")[place]; if (back) back.focus({ preventScroll: true }); }
  ready(fresh);
}
function order(id, names, fragments) {
  const list = document.getElementById(id);
  if (!list) { if (names.length) location.reload(); return; }
  const wanted = new Set(names);
  for (const child of [...list.children]) if (!wanted.has(child.id)) child.remove();
  let at = list.firstElementChild;
  for (const name of names) {
    let found = document.getElementById(name);
    if (!found && fragments[name]) found = parse(fragments[name]).firstElementChild;
    if (!found) continue;
    if (found === at) { at = at.nextElementSibling; continue; }
    list.insertBefore(found, at);
    ready(found);
  }
}
function follow(address) {
  const line = document.getElementById("connection");
  let lost = 0;
  let source = null;
  // A browser keeps six connections to a host: a page that nobody sees lets go of its own.
  const look = () => {
    const seen = document.visibilityState === "visible";
    if (seen && !source) source = listen();
    else if (!seen && source) { source.close(); source = null; }
  };
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pageshow", look);
  window.addEventListener("pagehide", () => { if (source) source.close(); source = null; });
  look();
  function listen() {
    const source = new EventSource(address);
    source.addEventListener("fragments", (event) => {
      lost = 0;
      const fragments = JSON.parse(event.data);
      if (!("connection" in fragments)) line.textContent = "";
      for (const [id, html] of Object.entries(fragments)) {
        if (id === "connection") line.textContent = html;
        else if (!id.endsWith(":order")) put(id, html);
      }
      for (const [id, names] of Object.entries(fragments)) {
        if (id.endsWith(":order")) order(id.slice(0, -6), names.split(" ").filter(Boolean), fragments);
      }
    });
    source.onopen = () => { if (lost) line.textContent = ""; lost = 0; };
    source.onerror = () => { if (++lost > 1) line.textContent = "cairn view does not answer: what you see is its last word."; };
    return source;
  }
}

// Forms are sent without leaving the page.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const button = event.submitter;
  const star = button && button.classList.contains("star");
  const place = form.closest(".later.there");
  if (place && form.method === "get") {
    event.preventDefault();
    openHere(place, "?" + new URLSearchParams(new FormData(form)));
  } else if (star || form.matches(".notes-form, .verdict-form")) {
    event.preventDefault();
    const body = new URLSearchParams(star ? undefined : new FormData(form));
    if (button && button.name) body.set(button.name, button.value);
    send(form, star ? button.formAction : form.action, body, star ? button : null);
  }
});
async function send(form, address, body, star) {
  const said = form.querySelector("[data-said]") || document.getElementById("connection");
  let answer, text;
  try {
    answer = await fetch(address, { method: "POST", body, headers: { "X-Part": "1" } });
    text = await answer.text();
  } catch {
    said.textContent = "Not kept: cairn view does not answer.";
    return;
  }
  const revision = answer.headers.get("X-Revision");
  if (revision) for (const field of document.querySelectorAll("input[name=revision]")) field.value = revision;
  if (answer.ok && star) {
    const on = star.value === "1";
    star.value = on ? "0" : "1";
    star.setAttribute("aria-pressed", on);
    star.textContent = on ? "★" : "☆";
  } else if (answer.ok && form.matches(".verdict-form")) {
    put("verdicts", text);
    document.querySelector(".verdict-form button")?.focus();
  } else {
    said.textContent = text;
  }
}

// Keys. Where a person writes, they are letters.
let current = -1;
const list = () => [...document.querySelectorAll("#rows > tr.run")];
function go(step) {
  const rows = list();
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.classList.contains("at") || row.contains(document.activeElement));
  current = Math.min(Math.max((at < 0 ? (step > 0 ? -1 : rows.length) : at) + step, 0), rows.length - 1);
  rows.forEach((row, i) => row.classList.toggle("at", i === current));
  const link = rows[current].querySelector("th a");
  link.focus();
  rows[current].scrollIntoView({ block: "nearest" });
}
const marked = () => list().find((row) => row.classList.contains("at") || row.contains(document.activeElement));
const press = (selector) => (marked() || document).querySelector(selector)?.click();
const SAY = { u: "unsafe", s: "safe", k: "skip", z: "undo" };
// A verdict is given where its button can be seen, so by nobody who looks at something else.
function seenWhole(selector) {
  const found = document.querySelector(selector);
  const box = found && found.getBoundingClientRect();
  return box && box.top >= 0 && box.bottom <= window.innerHeight ? found : null;
}
const KEYS = {
  "/": () => document.querySelector("input[type=search]")?.focus(),
  "?": () => document.getElementById("keys").showModal(),
  j: () => go(1), k: () => go(-1), ArrowDown: () => go(1), ArrowUp: () => go(-1),
  x: () => press("input[type=checkbox]"),
  "*": () => press("button.star"),
  c: () => {
    const compare = document.getElementById("compare");
    if (compare && document.querySelectorAll("#rows input:checked").length > 1) compare.click();
    else if (compare) document.getElementById("connection").textContent = "Select two runs or more (x), then compare them (c).";
  },
  g: () => { location.href = "/"; },
  t: nextTheme,
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const writing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  if (event.key === "Escape" && writing) { writing.blur(); return; }
  if (writing || document.querySelector("dialog[open]")) return;
  if (event.key.startsWith("Arrow") && (!list().length || event.target.closest(".scroll svg, .clip, [role=slider]"))) return;
  const say = SAY[event.key] && seenWhole(`.verdict-form button[value=${SAY[event.key]}]`);
  const action = say ? () => say.click() : KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

// What stays on top while a page scrolls hides nothing that is jumped to.
function above() {
  let height = 0;
  for (const bar of document.querySelectorAll(".top, .within")) {
    if (getComputedStyle(bar).position !== "sticky") continue;
    if (bar.matches(".within")) root.style.setProperty("--top", `${height}px`);
    height += bar.getBoundingClientRect().height;
  }
  root.style.setProperty("--above", `${height}px`);
}
function ready(within) {
  times(within);
  for (const place of within.querySelectorAll(".later[data-panel]:not(.there)")) seen.observe(place);
  if (within.id === "live-head") aged();
  if (window.cairnKit && within !== document) window.cairnKit(within);
}
document.addEventListener("DOMContentLoaded", () => {
  theme(kept());
  for (const id of ["theme", "keys-open"]) document.getElementById(id).hidden = false;
  document.getElementById("theme").addEventListener("click", nextTheme);
  document.getElementById("keys-open").addEventListener("click", KEYS["?"]);
  ready(document);
  const heights = new ResizeObserver(above);
  for (const bar of document.querySelectorAll(".top, .within")) heights.observe(bar);
  setInterval(() => times(document), 10_000);
  if (document.body.dataset.live) follow(document.body.dataset.live);
});
