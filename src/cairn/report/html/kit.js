
"use strict";
// Sorts tables, searches lists, plays what moves. Without it the page reads the same: it adds its
// own controls.
function value(words) {
  const text = words.trim() === "\u2013" ? "" : words.trim(); // a dash is what is missing
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
// A film is a row of frames, each with its words; they become one picture with controls.
const FRAME_MS = 120;
function film(box) {
  const row = box.querySelector(".frames");
  const frames = Array.from(row.querySelectorAll("figure"));
  if (frames.length < 2) return;
  const sources = frames.map((frame) => frame.querySelector("img"));
  const words = frames.map((frame) => frame.querySelector("figcaption").textContent);
  const [stage, line, range, said] = ["img", "div", "input", "output"].map((tag) => document.createElement(tag));
  let [at, clock] = [0, null];
  const button = (text, label, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", act);
    line.append(made);
    return made;
  };
  const told = () => words[at] + " of " + words[frames.length - 1].replace(/\D+/g, "");
  // The words of a frame never stand under the picture of another.
  const show = async (place) => {
    const wanted = at = Math.min(Math.max(place, 0), frames.length - 1);
    const source = sources[at];
    range.value = String(at);
    range.setAttribute("aria-valuetext", words[at]);
    if (!(source.complete && source.naturalWidth)) {
      said.textContent = told() + ": loading";
      source.loading = "eager";
      const came = await source.decode().then(() => true, () => false);
      if (at !== wanted) return; // another was asked for meanwhile
      if (!came) { said.textContent = told() + ": its picture did not come"; return stop(); }
    }
    stage.setAttribute("src", source.getAttribute("src"));
    stage.setAttribute("alt", source.getAttribute("alt"));
    said.textContent = told();
  };
  const stop = () => {
    clock = null;
    said.setAttribute("aria-live", "polite");
    play.textContent = "play";
    play.setAttribute("aria-label", "play");
  };
  const step = (by) => { stop(); show(at + by); };
  const run = async (mine) => {
    while (clock === mine) {
      await new Promise((done) => setTimeout(done, FRAME_MS));
      if (clock !== mine) return;
      if (at === frames.length - 1) stop(); else await show(at + 1);
    }
  };
  stage.className = "stage";
  line.className = "steps";
  button("\u2190", "one step back", () => step(-1));
  const play = button("play", "play", () => {
    if (clock !== null) return stop();
    for (const source of sources) source.loading = "eager"; // hidden ones would never come
    if (at === frames.length - 1) show(0);
    said.setAttribute("aria-live", "off"); // a screen reader would read every frame
    play.textContent = "stop";
    play.setAttribute("aria-label", "stop");
    run(clock = {});
  });
  button("\u2192", "one step on", () => step(1));
  range.type = "range";
  range.min = "0";
  range.max = String(frames.length - 1);
  range.setAttribute("aria-label", "frame");
  range.addEventListener("input", () => { stop(); show(Number(range.value)); });
  line.append(range, said);
  line.addEventListener("keydown", (event) => {
    if (event.target === range || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    step(event.key === "ArrowLeft" ? -1 : 1);
  });
  stop();
  show(0);
  row.before(stage);
  row.before(line);
  row.hidden = true;
}
// Arrow keys go from cell to cell of a map; the tab key stops at it once, not at each of a thousand.
const WAYS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
function walkable(map) {
  const links = Array.from(map.querySelectorAll("a"));
  const middle = (link) => {
    const box = link.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  links.forEach((link, place) => link.setAttribute("tabindex", place ? "-1" : "0"));
  map.addEventListener("keydown", (event) => {
    const way = WAYS[event.key];
    const here = links.find((link) => link.contains(event.target));
    if (!way || !here || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const [x, y] = middle(here);
    let [next, least] = [null, Infinity];
    for (const link of links) {
      const [across, down] = middle(link).map((place, axis) => place - [x, y][axis]);
      const on = across * way[0] + down * way[1];
      const aside = Math.abs(across * way[1]) + Math.abs(down * way[0]);
      if (on > 0.5 && on + 3 * aside < least) [next, least] = [link, on + 3 * aside];
    }
    if (!next) return;
    here.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}
// A picture that is offered as no file yet can be taken away as SVG or PNG, as it looks now.
function takeable(figure) {
  const svg = figure.querySelector("svg");
  if (!svg || (figure.closest(".plot") || figure).querySelector('a[href*=".svg"]')) return;
  const name = (svg.getAttribute("aria-label") || "picture").replace(/[^\w-]+/g, "-").slice(0, 60);
  const [width, height] = svg.getAttribute("viewBox").split(" ").slice(2).map(Number);
  const alone = () => {
    const copy = svg.cloneNode(true);
    const [seen, made] = [svg, copy].map((root) => [root, ...root.querySelectorAll("[class]")]);
    made.forEach((one, place) => one.setAttribute("color", getComputedStyle(seen[place]).color));
    copy.querySelectorAll("a").forEach((link) => link.removeAttribute("href"));
    const paper = document.createElementNS(svg.namespaceURI, "rect");
    const sized = {width, height, fill: getComputedStyle(document.body).backgroundColor};
    Object.entries(sized).forEach((pair) => paper.setAttribute(...pair));
    copy.insertBefore(paper, copy.children[1]); // after its words
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    return new XMLSerializer().serializeToString(copy);
  };
  const save = (blob, ending) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name + ending;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const ways = {
    SVG: () => save(new Blob([alone()], {type: "image/svg+xml"}), ".svg"),
    PNG: () => {
      const [image, canvas] = [new Image(), document.createElement("canvas")];
      [canvas.width, canvas.height] = [2 * width, 2 * height];
      image.onload = () => {
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob((blob) => save(blob, ".png"));
      };
      image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(alone());
    },
  };
  const line = figure.querySelector(".offered") || document.createElement("p");
  line.className = "offered";
  for (const [text, act] of Object.entries(ways)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.setAttribute("aria-label", `${svg.getAttribute("aria-label")} as ${text}`);
    button.addEventListener("click", act);
    line.append(" ", button);
  }
  figure.append(line);
}
// Adds controls to all that stands in `root`, once each: what arrives later is handed in then.
function cairnKit(root) {
  const each = (what, make) => root.querySelectorAll(what).forEach((one) => {
    const made = one.dataset.made || "";
    if (made.includes(make.name)) return;
    one.dataset.made = made + make.name;
    make(one);
  });
  each("table.plain", sortable);
  each("[data-sorts]", sorting);
  each("[data-search]", searchable);
  each("[data-film]", film);
  each("[data-cells]", walkable);
  each("figure.chart", takeable);
}
globalThis.cairnKit = cairnKit;
cairnKit(document);
