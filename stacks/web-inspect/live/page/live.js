"use strict";
const $ = (id) => document.getElementById(id);
const socket = new WebSocket(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`);
socket.onopen = () => { $("state").textContent = "open"; };
socket.onmessage = (event) => {
  const message = JSON.parse(event.data);
  if (message.type === "time") $("clock").textContent = message.time;
  if (message.type === "echo") $("echo").textContent = message.text;
};
socket.onclose = (event) => { $("state").textContent = `closed (${event.code})`; };
socket.onerror = () => { $("state").textContent = "error"; };
$("say").onsubmit = (event) => {
  event.preventDefault();
  if (socket.readyState === WebSocket.OPEN) socket.send($("text").value);
};
