"use strict";
// What servers and browsers have sent becomes text of this page by textContent, never HTML.
const $ = (id) => document.getElementById(id);
const MAX = 500;
const rows = new Map(); // by number: the exchange and its row
let chosen = null;
let paused = false;
let waiting = [];

function element(name, text, more = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return Object.assign(made, more);
}

function size(bytes) {
  return bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function time(one) {
  const shown = one.milliseconds < 1000 ? `${one.milliseconds} ms` : `${(one.milliseconds / 1000).toFixed(1)} s`;
  return one.state === "open" ? `${shown} …` : shown;
}

function fits(one) {
  const site = $("site").value;
  const words = $("words").value.toLowerCase();
  if (site && one.site !== site) return false;
  return !words || `${one.method} ${one.url} ${one.status} ${one.type}`.toLowerCase().includes(words);
}

function fill(row, one) {
  const open = element("button", `${one.method} ${one.url}`, { type: "button" });
  open.onclick = () => choose(one.number);
  const first = element("td");
  const words = [`${one.protocol}, connection ${one.connection || "?"}, from ${one.client || "?"}`];
  if (one.websocket) words.push(`${one.frames} frames${one.closed ? `, closed: ${one.closed}` : ""}`);
  if (one.why) words.push(one.why);
  first.append(open, element("small", words.join("; ")));
  const bad = one.state === "broken" || /^[45]/.test(one.status);
  const status = element("td", one.status || (one.state === "open" ? "…" : "broken"), { className: bad ? "bad" : "" });
  row.replaceChildren(first, status, element("td", one.type, { className: "wide" }),
    element("td", size(one.size), { className: "wide" }), element("td", time(one)));
  row.hidden = !fits(one);
  row.classList.toggle("chosen", one.number === chosen);
}

function take(one) {
  const known = rows.get(one.number);
  const row = known ? known.row : document.createElement("tr");
  const focused = known && row.contains(document.activeElement);
  rows.set(one.number, { one, row });
  fill(row, one);
  if (!known) $("rows").prepend(row);
  if (focused) row.querySelector("button").focus();
  if (one.number === chosen) show(one.number);
  while (rows.size > MAX) drop(rows.keys().next().value);
}

function drop(number) {
  rows.get(number).row.remove();
  rows.delete(number);
}

function told(data) {
  if (paused) { waiting.push(data); waiting.splice(0, waiting.length - MAX); return; }
  for (const one of data.exchanges) take(one);
  state("live");
}

function state(word) {
  const shown = [...rows.values()].filter(({ row }) => !row.hidden).length;
  $("state").textContent = `${word}: ${shown} of ${rows.size} requests`;
  $("empty").hidden = rows.size > 0;
}

function refilter() {
  for (const { one, row } of rows.values()) row.hidden = !fits(one);
  $("har").href = $("site").value ? `/har?site=${encodeURIComponent($("site").value)}` : "/har";
  state(paused ? "paused" : "live");
}

function fields(title, list, mark = () => "") {
  const table = element("table");
  for (const { name, value } of list) {
    const row = element("tr", undefined, { className: mark(name) });
    row.append(element("th", name, { scope: "row" }), element("td", value));
    table.append(row);
  }
  return list.length ? [element("h3", title), table] : [];
}

function body(title, content) {
  if (!content || !content.text) return [];
  const how = [content.mimeType, content.encoding, content.comment].filter(Boolean).join(", ");
  return [element("h3", `${title}${how ? ` (${how})` : ""}`), element("pre", content.text, { tabIndex: 0 })];
}

const ADDED = ["x-real-ip", "x-forwarded-for", "x-forwarded-proto"];
const byFront = (name) => (ADDED.includes(name.toLowerCase()) ? "added" : "");

function cookies(title, list) {
  return fields(title, list.map((one) => {
    const { name, value, ...rest } = one;
    const attributes = Object.entries(rest).filter(([, said]) => said !== false)
      .map(([key, said]) => (said === true ? key : `${key.replace(/^_/, "")}=${said}`));
    return { name, value: [value, ...attributes].join("; ") };
  }));
}

function frames(list) {
  if (!list) return [];
  const table = element("table", undefined, { className: "frames" });
  const head = element("tr");
  for (const title of ["From", "Kind", "Bytes", "Data"]) head.append(element("th", title, { scope: "col" }));
  table.append(head);
  for (const one of list) {
    const row = element("tr");
    const kind = [one._kind, one._fin ? "" : "to be continued", one._compressed ? "compressed" : "", one._masked ? "masked" : ""];
    row.append(element("td", one.type === "send" ? "browser" : "server"),
      element("td", kind.filter(Boolean).join(", ")), element("td", String(one._size)),
      element("td", one._code ? `${one._code} ${one.data}` : one.data));
    table.append(row);
  }
  return [element("h3", "WebSocket frames"), table];
}

function times(found) {
  const list = ["send", "wait", "receive"].map((name) => ({ name, value: `${found[name]} ms` }));
  return fields("Timing, between the front and the service", list);
}

async function show(number) {
  let answer;
  try {
    answer = await fetch(`/exchange/${number}`);
  } catch {
    $("parts").replaceChildren(element("p", "The inspector does not answer. Choose it again."));
    return;
  }
  if (chosen !== number) return; // another one was chosen meanwhile
  if (!answer.ok) {
    $("parts").replaceChildren(element("p", "The inspector has forgotten this one."));
    return;
  }
  const one = await answer.json();
  const { request, response, timings, _webSocketMessages: messages, _error: error } = one.entry;
  $("detail-title").textContent = `${one.method} ${one.url}`;
  $("parts").replaceChildren(
    ...(error ? [element("p", error, { className: "bad" })] : []),
    ...fields(`Request (${request.httpVersion}); what the front added is in italics`, request.headers, byFront),
    ...cookies("Cookies sent", request.cookies), ...fields("Query", request.queryString),
    ...body("Request body", request.postData),
    ...fields(`Response: ${response.status} ${response.statusText}`, response.headers),
    ...cookies("Cookies set", response.cookies), ...body("Response body", response.content),
    ...frames(messages), ...times(timings));
}

function choose(number) {
  chosen = number;
  for (const [key, { row }] of rows) row.classList.toggle("chosen", key === number);
  $("detail").hidden = number === null;
  if (number === null) return;
  $("parts").replaceChildren(element("p", "…"));
  $("detail").focus();
  show(number);
}

function listen() {
  const source = new EventSource("/events");
  source.onopen = () => state("live");
  source.addEventListener("changed", (event) => told(JSON.parse(event.data)));
  source.addEventListener("cleared", () => {
    for (const number of [...rows.keys()]) drop(number);
    waiting = [];
    choose(null);
    state("live");
  });
  source.onerror = () => state("the inspector is away, trying again"); // EventSource does it itself
}

$("site").onchange = $("words").oninput = refilter;
$("filters").onsubmit = (event) => event.preventDefault();
$("clear").onclick = () => fetch("/clear", { method: "POST" });
$("close").onclick = () => {
  const { row } = rows.get(chosen) ?? {};
  choose(null);
  row?.querySelector("button")?.focus();
};
$("pause").onclick = () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  if (!paused) for (const data of waiting.splice(0)) told(data);
  state(paused ? "paused" : "live");
};
listen();
