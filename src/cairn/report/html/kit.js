
"use strict";
// Sorts tables and searches lists. Without it the page reads the same: it adds its own controls.
function value(words) {
  const text = words.trim();
  const number = Number(text.replace(/[,%]/g, ""));
  return text !== "" && !Number.isNaN(number) ? number : text.toLowerCase();
}
function by(up, of) {
  return (one, other) => {
    const [a, b] = [of(one), of(other)];
    if ((a === "") !== (b === "")) return a === "" ? 1 : -1; // what is missing stays last
    const order = typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
    return up ? order : -order;
  };
}
function sortable(table) {
  const body = table.tBodies[0];
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = Array.from(body.rows);
      rows.sort(by(up, (row) => value(row.cells[column].textContent)));
      body.append(...rows);
    });
  });
}
// A list names what it can be sorted by, and each of its items gives the values, split by "|".
function sorting(list) {
  const line = document.createElement("p");
  line.className = "sorts";
  line.textContent = "Sort by ";
  list.dataset.sorts.split("|").forEach((name, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    let up = false;
    button.addEventListener("click", () => {
      up = !up;
      const items = Array.from(list.children);
      items.sort(by(up, (item) => value(item.dataset.keys.split("|")[place])));
      list.append(...items);
    });
    line.append(button);
  });
  list.before(line);
}
function searchable(list) {
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = "Search " + list.dataset.search;
  field.setAttribute("aria-label", field.placeholder);
  (list.closest("table") || list).before(field);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of list.children) {
      const text = item.textContent.toLowerCase();
      item.hidden = !words.every((word) => text.includes(word));
    }
  });
}
document.querySelectorAll("table.plain:not(.ledger)").forEach(sortable);
document.querySelectorAll("[data-sorts]").forEach(sorting);
document.querySelectorAll("[data-search]").forEach(searchable);
