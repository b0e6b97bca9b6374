"use strict";
// The one-map page. Data and words come from the JSON element; every text is set with textContent.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const levelOf = new Map(data.levels.map((level) => [level.code, level]));
  const RANK = [4, 3, 2, 1, 0, -1];
  const LIST_MAX = 30;
  const STEP_MS = 650;
  const SVG = "http://www.w3.org/2000/svg";
  let lang = fromAddress("l") === "en" ? 1 : 0;
  let hour = startHour();
  let selected = -1;
  let timer = 0;
  const stateOf = new Map(data.states.map((state) => [state[0], state]));
  const chosen = new Set(fromAddress("n").split(",").map((key) => (data.states.find((state) => state[1] === key) || [""])[0]).filter(Boolean));

  // The address may name an hour, a hotspot, states of now to show and a language:
  // onemap.html#t=2021-07-20T09:00Z&h=EQ-001&n=stands,unconfirmed&l=en
  function fromAddress(key) {
    const found = location.hash.slice(1).split("&").find((part) => part.startsWith(key + "="));
    return found ? found.slice(key.length + 1).replace(/%3A/gi, ":") : "";
  }
  function startHour() {
    const found = data.hours.indexOf(fromAddress("t"));
    return found >= 0 ? found : data.worst;
  }
  const word = (key) => data.words[key][lang];
  const name = (thing) => (lang ? thing.en || thing.zh : thing.zh);
  const levelName = (level) => (lang ? level.en + (level.roman ? " " + level.roman : "") : level.zh + (level.roman ? " " + level.roman + "级" : ""));
  // On the map an English name goes without the word for its kind: eighteen times "Subdistrict" hides the map.
  const shortName = (town) => (lang ? name(town).replace(/ (Subdistrict|Sub-district|Management Committee|Committee|Town)$/, "") : name(town));
  const decode = (char) => (char === "u" ? -1 : Number(char));
  const spotLevel = (at, spot) => decode(data.hotspotLevels[at][spot]);
  const townLevel = (at, town) => decode(data.townLevels[at][town]);
  const value = (key, at, spot) => data.quantities[key][at][spot];
  const nowOf = (at, spot) => (data.told[at] ? data.now[at][spot] : "");
  const stateName = (letter) => stateOf.get(letter)[2 + lang];
  const isFiltered = () => chosen.size > 0 && data.told[hour];
  const isShown = (spot) => !isFiltered() || chosen.has(nowOf(hour, spot));
  const aheadLevel = (at, spot, window) => decode(data.ahead[at][spot * data.windows.length + window]);
  const aheadChance = (at, spot, window) => (data.aheadChance[at][window].length ? data.aheadChance[at][window][spot] : -1);
  const windowName = (window) => data.windows[window].join("–");
  const danger = (at, spot) => data.danger[at].slice(3 * spot, 3 * spot + 3).map((steps) => (steps < 0 ? -1 : steps * data.dangerStep));
  function seen(at, spot) {
    const row = data.seen[at].find((item) => item[0] === spot);
    return row ? { by: row[1] < 0 ? "" : data.observers[row[1]], seenAgo: row[2], sinceAgo: row[3], depth: row[4] < 0 ? "" : data.depthWords[row[4]][lang] } : null;
  }
  // Local day and time of so many minutes after an hour of the page.
  const clockParts = new Intl.DateTimeFormat("en-GB", { timeZone: data.meta.zone, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  function dayAndTime(at, minutes) {
    const part = {};
    clockParts.formatToParts(new Date(Date.parse(data.hours[at]) + minutes * 60000)).forEach((item) => (part[item.type] = item.value));
    return [part.month + "-" + part.day, part.hour + ":" + part.minute];
  }
  // A time of the day of the hour goes without its day.
  function near(at, minutes) {
    const [day, time] = dayAndTime(at, minutes);
    return day === dayAndTime(at, 0)[0] ? time : day + " " + time;
  }
  function dangerWords(at, spot) {
    const [, from, to] = danger(at, spot);
    if (from < 0 || to < 0) return "";
    if (!to) return word("alreadyNow");
    const same = dayAndTime(at, from)[0] === dayAndTime(at, to)[0];
    const end = same && from > 0 ? dayAndTime(at, to)[1] : near(at, to);
    return from > 0 ? near(at, from) + "–" + end : word("nowTo").replace("{t}", end);
  }


  function make(tag, text, className) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  }
  function draw(tag, attributes, parent) {
    const element = document.createElementNS(SVG, tag);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (parent) parent.appendChild(element);
    return element;
  }
  function empty(element) {
    while (element.firstChild) element.removeChild(element.firstChild);
    return element;
  }

  // ---- symbols: every level has its own shape -------------------------------------------------------------------
  const SIZES = { "-1": 13, 0: 9, 1: 14, 2: 15, 3: 18, 4: 19 };
  function symbol(code, isSelected, state) {
    const level = levelOf.get(code);
    const size = SIZES[code];
    const half = size / 2;
    const svg = draw("svg", { width: size, height: size, viewBox: [0, 0, size, size].join(" "), "aria-hidden": "true" });
    if (isSelected) draw("circle", { cx: half, cy: half, r: half + (state && state !== "d" ? 9 : 5), fill: "none", stroke: "#1a73c7", "stroke-width": 3 }, svg);
    const style = { fill: level.fill, stroke: "#1f2933", "stroke-width": code > 0 ? 1.2 : 0.8 };
    if (level.symbol === "x") {
      const path = "M2 2L" + (size - 2) + " " + (size - 2) + "M" + (size - 2) + " 2L2 " + (size - 2);
      draw("path", { d: path, stroke: "#fff", "stroke-width": 5, fill: "none" }, svg);
      draw("path", { d: path, stroke: "#555", "stroke-width": 2.4, fill: "none" }, svg);
    } else if (level.symbol === "s") draw("rect", Object.assign({ x: 1, y: 1, width: size - 2, height: size - 2 }, style), svg);
    else if (level.symbol === "^") draw("path", Object.assign({ d: "M" + half + " 1L" + (size - 1) + " " + (size - 2) + "L1 " + (size - 2) + "Z" }, style), svg);
    else if (level.symbol === "D") draw("path", Object.assign({ d: "M" + half + " 0.5L" + (size - 0.5) + " " + half + "L" + half + " " + (size - 0.5) + "L0.5 " + half + "Z" }, style), svg);
    else draw("circle", Object.assign({ cx: half, cy: half, r: half - 1 }, style, code === 0 ? { stroke: "#7a8591" } : {}), svg);
    nowMark(svg, half, state);
    return svg;
  }
  // What is now is told by form, not by colour: a ring, a broken ring, corners that ask for a look, a question mark.
  function nowMark(svg, half, state) {
    const r = half + 3.5;
    const around = { cx: half, cy: half, r: r, fill: "none" };
    if (state === "s") {
      draw("circle", Object.assign({ stroke: "#fff", "stroke-width": 5 }, around), svg);
      draw("circle", Object.assign({ stroke: "#10243a", "stroke-width": 3 }, around), svg);
    } else if (state === "m") {
      draw("circle", Object.assign({ stroke: "#fff", "stroke-width": 3.4 }, around), svg);
      draw("circle", Object.assign({ stroke: "#10243a", "stroke-width": 1.6, "stroke-dasharray": "3.2 2.8" }, around), svg);
    } else if (state === "c") {
      const [low, high, arm] = [half - r, half + r, r * 0.62];
      const path = [[low, low, 1, 1], [high, low, -1, 1], [high, high, -1, -1], [low, high, 1, -1]]
        .map(([x, y, dx, dy]) => "M" + (x + dx * arm) + " " + y + "L" + x + " " + y + "L" + x + " " + (y + dy * arm)).join("");
      draw("path", { d: path, fill: "none", stroke: "#fff", "stroke-width": 4.6 }, svg);
      draw("path", { d: path, fill: "none", stroke: "#10243a", "stroke-width": 2.4 }, svg);
    } else if (state === "u") {
      const at = { x: half + r * 0.95, y: half - r * 0.2, "text-anchor": "middle", "font-size": 12, "font-weight": 700, fill: "#10243a", stroke: "#fff", "stroke-width": 3, "paint-order": "stroke" };
      draw("text", at, svg).textContent = "?";
    }
  }
  // A mark without a hotspot, for legend and filter.
  function mark(letter) {
    const svg = draw("svg", { width: 12, height: 12, viewBox: "0 0 12 12", "aria-hidden": "true", class: "mark" });
    draw("circle", { cx: 6, cy: 6, r: 2.4, fill: "#7a8591" }, svg);
    nowMark(svg, 4.5, "");
    const inner = draw("g", { transform: "translate(1.5 1.5)" }, svg);
    nowMark(inner, 4.5, letter);
    return svg;
  }
  // The windows ahead, side by side: the higher the graver, hatched where nobody knows.
  function strip(at, spot) {
    const count = data.windows.length;
    const svg = draw("svg", { class: "strip", viewBox: "0 0 " + count * 14 + " 14", width: count * 14, height: 14, role: "img", "aria-label": stripWords(at, spot) });
    data.windows.forEach((_, window) => drawWindow(svg, aheadLevel(at, spot, window), 14 * window));
    return svg;
  }
  function drawWindow(svg, code, x) {
    draw("rect", { x: x + 0.5, y: 0.5, width: 13, height: 13, fill: "#fff", stroke: "#9aa5af", "stroke-width": 1 }, svg);
    if (code < 0) draw("path", { d: [3, 7, 11].map((d) => "M" + (x + 1) + " " + (d + 2) + "L" + (x + d + 2) + " 1").join("") + "M" + (x + 4) + " 13L" + (x + 13) + " 4M" + (x + 8) + " 13L" + (x + 13) + " 8", stroke: "#7a8591", "stroke-width": 1 }, svg);
    else {
      const tall = code ? 3 + code * 2.5 : 1.5;
      draw("rect", { x: x + 1, y: 13 - tall, width: 12, height: tall, fill: code ? levelOf.get(code).fill : "#9aa5af", stroke: code ? "#1f2933" : "none", "stroke-width": 0.6 }, svg);
    }
  }
  function stripWords(at, spot) {
    return data.windows.map((_, window) => windowName(window) + " h " + levelName(levelOf.get(aheadLevel(at, spot, window)))).join(", ");
  }
  function chip(code) {
    const level = levelOf.get(code);
    const element = make("span", levelName(level), "chip");
    element.style.background = level.fill;
    element.style.color = level.ink;
    return element;
  }

  // ---- map ------------------------------------------------------------------------------------------------------
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = L.map("map", { zoomSnap: 0.1, zoomDelta: 0.5, wheelPxPerZoomLevel: 90, zoomAnimation: !calm, fadeAnimation: !calm, attributionControl: false, minZoom: 9, maxZoom: 18 });
  map.createPane("names").style.zIndex = 450;
  map.getPane("names").style.pointerEvents = "none";
  const towns = data.towns.map((town) => L.polygon(town.rings, { color: "#7a8591", weight: 1, fillOpacity: 0.45, keyboard: false }));
  const townLayer = L.featureGroup(towns);
  const spotLayer = L.featureGroup();
  const placeLayers = {
    shelters: places(data.shelters, "⌂", "#1b5e20", (item) => word("capacity") + " " + item[3]),
    teams: places(data.teams, "+", "#4a148c", (item) => item[3] + (lang ? " people" : "人")),
    gauges: places(data.gauges, "▽", "#00546b", () => ""),
  };
  function places(items, mark, colour, more) {
    const layer = L.layerGroup();
    items.forEach((item) => {
      const glyph = make("span", mark);
      glyph.style.color = colour;
      const icon = L.divIcon({ className: "place", html: glyph, iconSize: [14, 14] });
      const marker = L.marker([item[0], item[1]], { icon: icon, keyboard: false });
      marker.bindTooltip(() => make("span", [item[2], more(item)].filter(Boolean).join(" · ")));
      layer.addLayer(marker);
    });
    return layer;
  }
  const markers = data.hotspots.map((spot, index) => {
    const marker = L.marker(spot.at, { keyboard: false, riseOnHover: true, icon: L.divIcon({ className: "spot", iconSize: [12, 12], html: make("span") }) });
    marker.on("click", () => select(index));
    marker.bindTooltip(() => make("span", [name(spot), levelName(levelOf.get(spotLevel(hour, index))), nowWords(hour, index)].filter(Boolean).join(" · ")));
    spotLayer.addLayer(marker);
    return marker;
  });
  towns.forEach((polygon, index) => {
    polygon.bindTooltip(() => make("span", shortName(data.towns[index])), { permanent: true, direction: "center", className: "town-label", opacity: 1, pane: "names" });
  });
  townLayer.addTo(map);
  map.fitBounds(townLayer.getBounds(), { padding: [8, 8], animate: false });
  spotLayer.addTo(map);
  // Tooltips are centred on the box of a polygon; the label belongs to a point inside the town.
  towns.forEach((polygon, index) => polygon.getTooltip() && polygon.openTooltip(data.towns[index].label));
  L.control.scale({ imperial: false, position: "bottomleft" }).addTo(map);
  const north = L.control({ position: "bottomleft" });
  north.onAdd = function () {
    const box = make("div", undefined, "north");
    const svg = draw("svg", { width: 16, height: 20, viewBox: "0 0 16 20", "aria-hidden": "true" }, box);
    draw("path", { d: "M8 0L14 19L8 14.5L2 19Z", fill: "#1f2933" }, svg);
    box.appendChild(make("div", "N"));
    return box;
  };
  north.addTo(map);
  // Where two names of towns would overlap, the one of the smaller town waits for a closer look.
  const extent = (index) => {
    const bounds = towns[index].getBounds();
    return (bounds.getEast() - bounds.getWest()) * (bounds.getNorth() - bounds.getSouth());
  };
  const largestFirst = towns.map((_, index) => index).sort((a, b) => extent(b) - extent(a));
  function clearNames() {
    const taken = [];
    largestFirst.forEach((index) => {
      const label = towns[index].getTooltip() && towns[index].getTooltip().getElement();
      if (!label) return;
      label.style.visibility = "visible";
      const box = label.getBoundingClientRect();
      const hit = taken.some((other) => box.left < other.right && box.right > other.left && box.top < other.bottom && box.bottom > other.top);
      if (hit) label.style.visibility = "hidden";
      else taken.push(box);
    });
  }
  // From afar the symbols are drawn smaller, so that those of a dense quarter stay apart.
  function drawFar() {
    byId("map").classList.toggle("far", map.getZoom() < 12.4);
    clearNames();
  }
  map.on("zoomend", drawFar);

  const LAYERS = [["townsLayer", townLayer, true, ""], ["hotspotsLayer", spotLayer, true, ""],
    ["sheltersLayer", placeLayers.shelters, false, "⌂"], ["teamsLayer", placeLayers.teams, false, "+"], ["gaugesLayer", placeLayers.gauges, false, "▽"]];
  LAYERS.forEach((entry) => {
    const label = make("label");
    const box = make("input");
    box.type = "checkbox";
    box.checked = entry[2];
    box.addEventListener("change", () => (box.checked ? entry[1].addTo(map) : entry[1].remove()));
    label.append(box, make("span", entry[3], "key " + entry[0]), make("span", "", "text"));
    byId("layers").appendChild(label);
    entry.push(label.lastChild);
  });

  function drawMap() {
    towns.forEach((polygon, index) => {
      const code = townLevel(hour, index);
      polygon.setStyle({ fillColor: levelOf.get(code).fill, fillOpacity: code > 0 ? 0.4 : 0.6, dashArray: code < 0 ? "5 4" : null });
    });
    markers.forEach((marker, index) => {
      const code = spotLevel(hour, index);
      const state = nowOf(hour, index);
      const key = code + state + (index === selected ? "!" : "") + (isShown(index) ? "" : "-");
      if (marker.shown === key) return;
      marker.shown = key;
      const size = SIZES[code];
      marker.setIcon(L.divIcon({ className: "spot", iconSize: [size, size], html: symbol(code, index === selected, state) }));
      marker.setOpacity(isShown(index) || index === selected ? 1 : 0.15);
      marker.setZIndexOffset((index === selected ? 9 : isShown(index) ? code + 1 : 0) * 1000);
    });
  }

  // ---- time -----------------------------------------------------------------------------------------------------
  const slider = byId("slider");
  slider.max = data.hours.length - 1;
  // The thumb stands under the middle of its bar: the bar's half width is kept free at both ends.
  const half = 50 / data.hours.length + "%";
  slider.style.width = "calc(100% - 2 * " + half + " + 16px)";
  slider.style.marginLeft = "calc(" + half + " - 8px)";
  slider.addEventListener("input", () => show(Number(slider.value)));
  byId("previous").addEventListener("click", () => show(hour - 1));
  byId("next").addEventListener("click", () => show(hour + 1));
  byId("play").addEventListener("click", () => (timer ? stop() : play()));
  document.addEventListener("keydown", (event) => {
    if (event.key === " " && (event.target === document.body || event.target === slider)) {
      event.preventDefault();
      timer ? stop() : play();
    }
    if (event.key === "Escape" && selected >= 0) select(-1);
  });
  function play() {
    if (hour === data.hours.length - 1) show(0);
    timer = window.setInterval(() => (hour < data.hours.length - 1 ? show(hour + 1) : stop()), STEP_MS);
    byId("play").textContent = word("pause");
  }
  function stop() {
    window.clearInterval(timer);
    timer = 0;
    byId("play").textContent = word("play");
  }
  function show(at) {
    hour = Math.max(0, Math.min(data.hours.length - 1, at));
    render();
  }

  const rain = byId("rain");
  rain.addEventListener("click", (event) => {
    const box = rain.getBoundingClientRect();
    show(Math.floor(((event.clientX - box.left) / box.width) * data.hours.length));
  });
  function drawRain() {
    const count = data.hours.length;
    empty(rain).setAttribute("viewBox", "0 0 " + count * 10 + " 100");
    const most = Math.max(10, ...data.rain.mm10);
    draw("rect", { x: hour * 10, y: 0, width: 10, height: 100, fill: "#dbe8f1" }, rain);
    data.rain.mm10.forEach((amount, at) => {
      if (amount < 0) draw("rect", { x: at * 10, y: 0, width: 10, height: 100, fill: "#e3e6e9" }, rain);
      else draw("rect", { x: at * 10 + 1, y: 100 - (92 * amount) / most, width: 8, height: (92 * amount) / most, fill: at === hour ? "#0b4f7d" : "#6f9fc2" }, rain);
    });
    const amount = data.rain.mm10[hour];
    const text = amount < 0 ? word("noRain") : (amount / 10).toFixed(1) + " mm";
    const gauge = [data.rain.name, data.rain.gauge].filter(Boolean).join(" ");
    byId("rainNote").textContent = word("rain") + " · " + gauge + " · " + data.labels[hour] + " · " + text + " (max " + (Math.max(0, ...data.rain.mm10) / 10).toFixed(1) + " mm)";
    rain.setAttribute("aria-label", byId("rainNote").textContent);
  }

  // ---- side panel -----------------------------------------------------------------------------------------------
  byId("find").addEventListener("input", drawList);
  // The one order of the district; tables of earlier releases have none, and go by level.
  function rank(spot) {
    const place = value("place", hour, spot);
    return place > 0 ? place : 1e6 - 1e4 * spotLevel(hour, spot) + spot;
  }
  function drawList() {
    const wanted = byId("find").value.trim().toLowerCase();
    const order = data.hotspots.map((_, index) => index)
      .filter((index) => {
        const spot = data.hotspots[index];
        if (!isShown(index)) return false;
        if (!wanted) return isFiltered() || spotLevel(hour, index) > 0;
        return [spot.id, spot.zh, spot.en, name(data.towns[spot.town])].some((text) => text.toLowerCase().includes(wanted));
      })
      .sort((a, b) => rank(a) - rank(b));
    const states = data.states.filter((state) => isFiltered() && chosen.has(state[0])).map((state) => state[2 + lang]);
    byId("listTitle").textContent = states.length ? word("listNow") + states.join(lang ? ", " : "、") : word("list");
    const list = empty(byId("list"));
    if (!order.length) list.appendChild(make("li", wanted ? "—" : word(isFiltered() ? "noneNow" : "noneWarned"), "muted"));
    order.slice(0, LIST_MAX).forEach((index) => {
      const item = make("li");
      item.appendChild(listed(index));
      list.appendChild(item);
    });
    if (order.length > LIST_MAX) list.appendChild(make("li", [word("more"), order.length - LIST_MAX, word("moreTail")].join(" "), "muted"));
  }
  function listed(index) {
    const spot = data.hotspots[index];
    const code = spotLevel(hour, index);
    const state = nowOf(hour, index);
    const place = value("place", hour, index);
    const when = dangerWords(hour, index);
    const button = make("button");
    button.type = "button";
    const text = make("span", name(spot));
    text.append(make("br"), make("small", name(data.towns[spot.town]) + " · " + spot.kind[lang]));
    if (state && state !== "d") text.append(make("br"), make("b", nowWords(hour, index), "now"));
    const ahead = make("span", undefined, "ahead");
    if (data.told[hour]) ahead.append(strip(hour, index), make("small", when));
    button.append(make("small", place > 0 ? String(place) : "", "nth"), symbol(code, false, state), text, ahead);
    const said = [place > 0 ? word("place") + " " + place : "", name(spot), levelName(levelOf.get(code)), nowWords(hour, index), when ? word("danger") + " " + when : "", name(data.towns[spot.town])];
    button.setAttribute("aria-label", said.filter(Boolean).join(", "));
    button.addEventListener("click", () => select(index));
    return button;
  }
  // What is now in a few words: the state, how deep, since when.
  function nowWords(at, spot) {
    const state = nowOf(at, spot);
    if (!state) return "";
    const row = seen(at, spot);
    const since = row && row.sinceAgo >= 0 ? word("since").replace("{t}", near(at, -row.sinceAgo)) : "";
    const depth = row && row.depth ? (state === "c" ? word("was") : "") + row.depth : "";
    return [stateName(state), depth, since].filter(Boolean).join(" · ");
  }
  function drawStates() {
    const group = empty(byId("states"));
    group.hidden = !data.told[hour];
    data.states.filter((state) => state[0] !== "d").forEach((state) => {
      const button = make("button");
      button.type = "button";
      button.append(mark(state[0]), make("span", state[2 + lang]), make("b", String(countNow(state[0]))));
      button.setAttribute("aria-pressed", String(chosen.has(state[0])));
      button.addEventListener("click", () => choose(state[0]));
      group.appendChild(button);
    });
  }
  const countNow = (letter) => data.now[hour].split(letter).length - 1;
  function choose(letter) {
    const at = data.states.filter((state) => state[0] !== "d").findIndex((state) => state[0] === letter);
    if (!chosen.delete(letter)) chosen.add(letter);
    render();
    byId("states").children[at].focus();
  }
  // What stands at an hour, and in which state, is in the data: nothing of it is worked out here.
  function drawWarnings() {
    const standing = data.standing[hour].map((item) => ({ row: data.warnings[item[0]], state: item[1] }));
    const graver = (a, b) => b.row[2] - a.row[2] || a.row[0] - b.row[0];
    const inForce = standing.filter((item) => item.state !== "waiting").sort(graver);
    const waiting = standing.filter((item) => item.state === "waiting").sort(graver);
    drawStanding("warnings", word("warnings"), inForce);
    if (!inForce.length) byId("warnings").appendChild(make("li", word("noWarnings"), "muted"));
    drawStanding("waiting", word("waiting"), waiting);
    byId("waitingTitle").hidden = byId("waiting").hidden = !waiting.length;
  }
  function drawStanding(id, title, items) {
    byId(id + "Title").textContent = title + (items.length ? " (" + items.length + ")" : "");
    const list = empty(byId(id));
    items.forEach((entry) => {
      const row = entry.row;
      const state = data.meta.authorityWords[entry.state][lang];
      const item = make("li");
      const mark = chip(row[2]);
      if (entry.state === "waiting") mark.classList.add("unsigned");
      item.append(mark, make("span", name(data.towns[row[0]])), make("small", state + " · " + word("until") + " " + row[4]));
      item.title = data.meta.actionWords[row[1]][lang] + " " + row[3];
      list.appendChild(item);
    });
  }
  function select(index) {
    const before = selected;
    selected = index;
    byId("overview").hidden = index >= 0;
    byId("detail").hidden = index < 0;
    render();
    if (index >= 0) {
      map.panInside(data.hotspots[index].at, { padding: [60, 60], animate: !calm });
      if (before < 0) byId("detail").focus({ preventScroll: window.innerWidth > 820 });
    } else if (before >= 0) byId("list").focus({ preventScroll: true });
  }
  function facts(rows, className) {
    const list = make("dl", undefined, className);
    rows.forEach((row) => {
      const cell = make("dd");
      if (row[1] instanceof Node) cell.appendChild(row[1]);
      else cell.textContent = row[1];
      list.append(make("dt", row[0]), cell);
    });
    return list;
  }
  const known = (number, unit) => (number < 0 ? word("unknown") : number + unit);
  const chance = (share) => (share < 0 ? word("unknown") : share < 1 ? "<1 %" : share > 99 ? ">99 %" : share + " %");
  const metres = (cm) => (cm < 0 ? word("unknown") : (cm / 100).toFixed(2) + " m");
  function returnPeriod(years) {
    if (years < 0) return word("unknown");
    if (years > 100) return word("beyond");
    return years < 1 ? word("below") : years + word("years");
  }
  function drawDetail() {
    const panel = empty(byId("detail"));
    if (selected < 0) return;
    const spot = data.hotspots[selected];
    const code = spotLevel(hour, selected);
    const back = make("button", "← " + word("close"));
    back.type = "button";
    back.addEventListener("click", () => select(-1));
    panel.append(back, make("h2", name(spot)));
    const place = value("place", hour, selected);
    panel.append(facts([[word("time"), data.labels[hour]], [word("level"), chip(code)], [word("place"), place > 0 ? place + " / " + data.hotspots.length : "—"], [word("score"), known(value("score", hour, selected), "")],
      [word("town"), name(data.towns[spot.town])], [word("kind"), spot.kind[lang]], [word("people"), known(spot.people, " " + word("peopleUnit"))]]));
    drawNowAndAhead(panel);
    panel.append(make("h3", word("history")), course(selected), make("h3", word("why")));
    if (code < 0) panel.append(make("p", data.phase[hour][selected] === "x" ? data.meta.notAssessed[lang] : data.meta.unknown[lang]));
    else panel.append(...contributions(), facts([
      [word("observed24"), known(value("obs24", hour, selected), " mm")], [word("forecast3"), known(value("fc3", hour, selected), " mm")],
      [word("returnPeriod"), returnPeriod(data.returnPeriod[hour][selected])], [word("drain"), spot.drain === null ? word("unknown") : spot.drain + " mm/h"]]));
    const depths = spot.sagKnown ? [[word("median"), metres(value("d50", hour, selected))],
      [word("depthRange"), metres(value("d10", hour, selected)) + " – " + metres(value("d90", hour, selected))]] : [];
    const chances = ["15", "27", "50"].map((cm) => [word("chance" + cm), chance(value("p" + cm, hour, selected))]);
    panel.append(make("h3", word("depth").replace("{h}", data.meta.horizon_h)), facts([...depths, ...chances]));
    if (!spot.sagKnown) panel.append(make("p", word("sagUnknown"), "muted"));
    const worst = data.worstReasons[selected];
    panel.append(make("h3", word("worst") + " · " + data.labels[worst[0]]), make("p", worst[1 + lang]));
    drawAction(panel, spot);
  }
  function drawNowAndAhead(panel) {
    panel.append(make("h3", word("nowTitle")));
    if (!data.told[hour]) {
      panel.append(make("p", word("notTold"), "muted"));
      return;
    }
    const state = nowOf(hour, selected);
    const row = seen(hour, selected);
    const now = make("p", undefined, "state");
    now.append(mark(state), make("span", nowWords(hour, selected)));
    const by = row && row.by ? row.by + (row.seenAgo < 0 ? "" : " " + near(hour, -row.seenAgo)) : word("modelled");
    const phase = data.phases[data.phase[hour][selected]][lang];
    panel.append(now, facts([[word("phase"), phase], [word("by"), by], [word("chanceNow"), chance(value("pNow", hour, selected))]]));
    panel.append(make("h3", word("aheadTitle")), aheadTable());
    const first = danger(hour, selected)[0];
    panel.append(facts([[word("danger"), dangerWords(hour, selected) || word("none")], [word("first"), first < 0 ? word("none") : first ? near(hour, first) : word("alreadyNow")]]));
  }
  function aheadTable() {
    const table = make("table", undefined, "ahead");
    const head = table.createTHead().insertRow();
    [word("window"), word("chance15"), word("level")].forEach((text) => {
      const cell = make("th", text);
      cell.scope = "col";
      head.appendChild(cell);
    });
    const body = table.createTBody();
    data.windows.forEach((_, window) => {
      const line = body.insertRow();
      const label = make("th", windowName(window) + word("hours"));
      label.scope = "row";
      line.append(label, make("td", chance(aheadChance(hour, selected, window))));
      line.insertCell().appendChild(chip(aheadLevel(hour, selected, window)));
    });
    return table;
  }
  function contributions() {
    const count = data.factors.length;
    const row = data.points[hour].slice(selected * count, (selected + 1) * count);
    return data.factors.map((factor, index) => {
      const bar = make("div", undefined, "bar");
      const fill = make("i");
      fill.style.width = Math.max(0, Math.min(100, row[index] / 10)) + "%";
      bar.append(make("span", factor[lang]), fill, make("b", (row[index] / 10).toFixed(1) + " " + word("points")));
      return bar;
    });
  }
  function course(spot) {
    const count = data.hours.length;
    const svg = draw("svg", { class: "course", viewBox: "0 0 " + count + " 6", preserveAspectRatio: "none", role: "img", "aria-label": word("history") });
    for (let at = 0; at < count; at += 1) {
      const code = spotLevel(at, spot);
      const tall = code < 0 ? 6 : 1 + code * 1.25;
      draw("rect", { x: at, y: 6 - tall, width: 1.02, height: tall, fill: levelOf.get(code).fill }, svg);
    }
    draw("rect", { x: hour, y: 0, width: Math.max(0.5, count / 200), height: 6, fill: "#1f2933" }, svg);
    return svg;
  }
  function drawAction(panel, spot) {
    const action = data.actions.byHotspot[spot.id];
    panel.append(make("h3", word("action") + (data.actions.at ? " · " + word("actionAt") + " " + data.actions.at : "")));
    if (!action) {
      panel.append(make("p", word("noAction"), "muted"), facts([[word("owner"), spot.owner], [word("phone"), spot.phone]], "wide"));
      return;
    }
    const steps = make("ol", undefined, "steps");
    action.steps[lang].forEach((step) => steps.appendChild(make("li", step)));
    const far = (m) => (m < 0 ? "" : m < 1000 ? " · " + m + " m" : " · " + (m / 1000).toFixed(1) + " km");
    panel.append(facts([[word("plan"), action.plan[lang] || "—"], [word("planState"), action.state[lang] || "—"]], "wide"), steps, facts([
      [word("team"), (action.teams.join(lang ? ", " : "、") || "—") + (action.team_people > 0 ? " · " + action.team_people + (lang ? " people" : "人") : "") + (action.teams.length ? far(action.team_m) : "")],
      [word("shelter"), (action.shelter || "—") + (action.shelter ? far(action.shelter_m) + (action.shelter_free < 0 ? "" : " · " + word("free") + " " + action.shelter_free) : "")],
      [word("owner"), action.unit || spot.owner], [word("phone"), action.phone || spot.phone]], "wide"));
  }

  // ---- words ----------------------------------------------------------------------------------------------------
  byId("language").addEventListener("click", () => {
    lang = 1 - lang;
    renderWords();
    render();
  });
  function renderWords() {
    document.documentElement.lang = lang ? "en" : "zh-CN";
    byId("title").textContent = (lang ? data.meta.en + " · " : data.meta.zh) + word("title");
    byId("banner").textContent = data.meta.demonstration.length ? data.meta.demonstration[lang] : "";
    byId("language").textContent = word("language");
    byId("language").lang = lang ? "zh-CN" : "en";
    byId("skip").textContent = word("list");
    byId("map").setAttribute("aria-label", word("map"));
    byId("play").textContent = timer ? word("pause") : word("play");
    byId("previous").setAttribute("aria-label", word("previous"));
    byId("next").setAttribute("aria-label", word("next"));
    slider.setAttribute("aria-label", word("time"));
    byId("layersTitle").textContent = word("layers");
    LAYERS.forEach((entry) => (entry[4].textContent = word(entry[0])));
    byId("legendTitle").textContent = word("legend");
    byId("legendNote").textContent = word("note") + " " + data.meta.formula;
    byId("states").setAttribute("aria-label", word("filter"));
    byId("issuedTitle").textContent = word("issued");
    byId("findLabel").textContent = word("find");
    towns.forEach((polygon, index) => polygon.setTooltipContent(make("span", shortName(data.towns[index]))));
    clearNames();
    markers.forEach((marker) => (marker.shown = ""));
  }
  function drawLegend() {
    const list = empty(byId("legendList"));
    RANK.forEach((code) => {
      const item = make("li");
      item.append(symbol(code, false, ""), make("span", levelName(levelOf.get(code))), make("span", String(data.counts[hour][code + 1])));
      list.appendChild(item);
    });
    if (!data.told[hour]) return;
    list.appendChild(make("li", word("nowTitle"), "head"));
    data.states.filter((state) => state[0] !== "d").forEach((state) => {
      const item = make("li");
      item.append(mark(state[0]), make("span", state[2 + lang]), make("span", String(countNow(state[0]))));
      list.appendChild(item);
    });
    const item = make("li", undefined, "windows");
    const svg = draw("svg", { viewBox: "0 0 70 14", width: 70, height: 14, "aria-hidden": "true" });
    [4, 3, 2, 0, -1].forEach((code, at) => drawWindow(svg, code, 14 * at));
    item.append(make("span", word("aheadHours")), make("small", data.windows.map((_, window) => windowName(window)).join(" | ")), make("br"), svg, make("small", word("stripNote")));
    list.appendChild(item);
  }
  function render() {
    slider.value = hour;
    slider.setAttribute("aria-valuetext", data.labels[hour]);
    byId("clockText").textContent = data.labels[hour];
    byId("now").textContent = word("time") + " " + data.labels[hour] + " (" + data.meta.zone + ")";
    byId("issued").textContent = data.issuedTexts[data.issued[hour]][lang];
    drawMap();
    drawRain();
    drawLegend();
    drawStates();
    drawWarnings();
    drawList();
    drawDetail();
  }
  if (window.innerWidth <= 820) byId("legend").open = byId("layers").open = false;
  renderWords();
  render();
  // Paper has its own shape: the whole district is fitted into it, and back into the window.
  function refit() {
    map.invalidateSize({ animate: false });
    map.fitBounds(townLayer.getBounds(), { padding: [8, 8], animate: false });
    drawFar();
  }
  refit();
  window.matchMedia("print").addEventListener("change", refit);
  const named = data.hotspots.findIndex((spot) => spot.id === fromAddress("h"));
  if (named >= 0) select(named);
})();
