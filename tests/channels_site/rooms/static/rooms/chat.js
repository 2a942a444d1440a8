const room = document.currentScript.dataset.room;
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(`${scheme}//${location.host}/ws/chat/${room}`);
const state = document.querySelector("#state");
const speak = document.querySelector("#speak");

socket.onopen = () => { state.textContent = "open"; };
socket.onclose = event => { state.textContent = `closed ${event.code}`; };
socket.onmessage = event => {
  const line = document.createElement("li");
  line.textContent = JSON.parse(event.data).message;
  document.querySelector("#said").append(line);
};
speak.onsubmit = event => {
  event.preventDefault();
  socket.send(JSON.stringify({message: speak.message.value}));
  speak.reset();
};
