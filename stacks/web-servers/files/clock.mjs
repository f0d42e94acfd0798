// A module runs only if the server says that it is JavaScript.
document.querySelector("#time").textContent = new Date().toLocaleTimeString();
