"use strict";
// The four events of a WebSocket: open, message, close, error. What others wrote becomes text of
// the page by textContent, never HTML.
const $ = (id) => document.getElementById(id);
let socket = null;
let attempts = 0;

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

const received = {
  welcome(message) {
    $("messages").replaceChildren();
    for (const said of message.history) show(said.from, said.text);
    show("", `You are ${message.name} in the room ${message.room}.`);
  },
  message(message) { show(message.from, message.text); },
  presence(message) { $("members").textContent = message.members.join(", "); },
  time(message) { $("clock").textContent = new Date(message.time).toLocaleTimeString(); },
  error(message) { show("", message.text); },
};

function connect() {
  const query = new URLSearchParams({ room: $("room").value, name: $("name").value });
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const mine = socket = new WebSocket(`${scheme}//${location.host}/ws?${query}`);
  $("state").textContent = "connecting";
  mine.onopen = () => {
    attempts = 0;
    $("state").textContent = "connected";
    $("send").disabled = false;
  };
  mine.onmessage = (event) => {
    const message = JSON.parse(event.data);
    received[message.type]?.(message);
  };
  mine.onclose = (event) => {
    if (socket !== mine) return; // another room was entered
    $("send").disabled = true;
    $("state").textContent = `closed (${event.code}${event.wasClean ? ", cleanly" : ""})`;
    attempts += 1; // again, later each time
    setTimeout(() => { if (socket === mine) connect(); }, Math.min(30000, 500 * 2 ** attempts));
  };
  mine.onerror = () => { $("state").textContent = "error"; }; // onclose follows
}

$("enter").onsubmit = (event) => {
  event.preventDefault();
  const old = socket;
  connect();
  old?.close(1000);
};
$("say").onsubmit = (event) => {
  event.preventDefault();
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ text: $("text").value }));
  $("text").value = "";
};
connect();
