"use strict";
// Three ways to hear from a server that speaks first. What others wrote becomes text of the page
// by textContent, never HTML.
const $ = (id) => document.getElementById(id);
let current = null; // the connection in use: { close, send }
let last = 0; // the number of the last message seen: who comes back gets what they missed
let attempts = 0;
let names = new Set();

function show(from, text) {
  const line = document.createElement("li");
  if (from) {
    const name = document.createElement("b");
    name.textContent = from;
    line.append(name);
  }
  line.append(document.createTextNode(text));
  $("messages").append(line);
  while ($("messages").children.length > 500) $("messages").firstChild.remove();
  line.scrollIntoView({ block: "nearest" });
}

function note(text) {
  const line = document.createElement("li");
  line.textContent = `${new Date().toLocaleTimeString()}: ${text}`;
  $("log").append(line);
  while ($("log").children.length > 100) $("log").firstChild.remove();
}

function state(text) {
  $("state").textContent = text;
  note(text);
}

function members(count) {
  const known = [...names].slice(0, 20).join(", ");
  $("members").textContent = count > names.size ? `${known} and more, ${count} in all` : known || "nobody";
}

const received = {
  welcome(message) {
    names = new Set(message.members);
    members(message.count);
    for (const said of message.history) received.message(said);
    show("", `You are ${message.name}.`);
  },
  message(message) {
    if (message.id <= last) return;
    last = message.id;
    show(message.from, message.text);
  },
  presence(message) {
    for (const name of message.left) names.delete(name);
    for (const name of message.joined) names.add(name);
    members(message.count);
  },
  time(message) { $("clock").textContent = new Date(message.time).toLocaleTimeString(); },
  error(message) { show("", message.text); },
};
const take = (text) => { const message = JSON.parse(text); received[message.type]?.(message); };

function query(more = {}) {
  return new URLSearchParams({ room: $("room").value, name: $("name").value, since: last, ...more });
}

function opened() {
  attempts = 0;
  state("connected");
  $("send").disabled = false;
}

// again, later each time, and not everybody at the same moment
function again(mine) {
  if (current !== mine) return;
  $("send").disabled = true;
  attempts += 1;
  const pause = Math.min(30000, 500 * 2 ** attempts) * (0.5 + Math.random() / 2);
  setTimeout(() => { if (current === mine) enter(); }, pause);
}

async function post(text) {
  const answer = await fetch("/say", {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ room: $("room").value, name: $("name").value || "guest", text }),
  });
  if (!answer.ok) show("", `not taken: ${answer.status}`);
}

const ways = {
  // the four events: open, message, close, error
  websocket() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws?${query()}`);
    const mine = {
      close: () => socket.close(1000),
      send: (text) => { if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ text })); },
    };
    socket.onopen = () => { if (current === mine) opened(); };
    socket.onmessage = (event) => { if (current === mine) take(event.data); };
    socket.onclose = (event) => {
      if (current !== mine) return; // another room was entered
      state(`closed (${event.code}${event.reason ? ` ${event.reason}` : ""}${event.wasClean ? ", cleanly" : ""})`);
      if (event.code !== 1008 && event.code !== 1000) again(mine);
      else $("send").disabled = true;
    };
    socket.onerror = () => { if (current === mine) state("error"); }; // onclose follows
    return mine;
  },
  // one answer that never ends; the browser asks again by itself, with Last-Event-ID
  events() {
    const source = new EventSource(`/events?${query()}`);
    source.onopen = opened;
    source.onmessage = (event) => take(event.data);
    source.onerror = () => state(source.readyState === EventSource.CLOSED ? "refused" : "away, trying again");
    return { close: () => source.close(), send: post };
  },
  // a question that waits for its answer, then the next
  poll() {
    const stop = new AbortController();
    const mine = { close: () => stop.abort(), send: post };
    (async () => {
      opened();
      try {
        for (;;) {
          const answer = await fetch(`/poll?${query()}`, { signal: stop.signal });
          if (!answer.ok) throw new Error(`status ${answer.status}`);
          for (const message of (await answer.json()).messages) received.message(message);
          note("asked again");
        }
      } catch (error) {
        if (current !== mine) return;
        state(`away (${error.message})`);
        again(mine);
      }
    })();
    return mine;
  },
};

function enter() {
  state("connecting");
  current = ways[$("way").value]();
}

$("enter").onsubmit = (event) => {
  event.preventDefault();
  const old = current;
  last = 0;
  attempts = 0;
  $("messages").replaceChildren();
  enter();
  old?.close();
};
$("say").onsubmit = (event) => {
  event.preventDefault();
  current?.send($("text").value);
  $("text").value = "";
};
enter();
