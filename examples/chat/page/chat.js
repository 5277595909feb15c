"use strict";
// The page of the chat example. Whatever comes from the network is shown as text; nothing is ever parsed as markup.

const CDN_HASH = "sha384-fBrXvbDtHoeKWJ/hcA6M+YGueiDW+h45I7V6F2kD1S8bOkrF9rZYPLVkCR6BLR/1";
const CLIENTS = [
  { src: "/socket.io/socket.io.js" },
  { src: "https://cdn.socket.io/4.8.4/socket.io.min.js", integrity: CDN_HASH, crossOrigin: "anonymous" },
];
const IMAGE_TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];
// The server takes payloads of 1 MB; on polling an image travels as base64, a third larger.
const IMAGE_LIMIT = { websocket: 900_000, polling: 700_000 };
const LOG_LIMIT = 300;
const ACK_TIMEOUT = 8000;

const $ = (id) => document.getElementById(id);
const make = (tag, { data = {}, ...props } = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), props);
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
};
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const hue = (name) => ([...name].reduce((sum, c) => Math.imul(sum ^ c.codePointAt(0), 0x01000193), 0x811c9dc5) >>> 0) % 24 * 15;
const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const avatar = (name, element = make("span", { className: "avatar", ariaHidden: "true" })) => {
  element.textContent = [...name][0]?.toUpperCase() ?? "";
  element.style.setProperty("--hue", hue(name));
  return element;
};

let socket;
let name = sessionStorage.getItem("chat.name") ?? "";
let room = ""; // the one the server put us in
let wanted = fragment() || "lobby"; // the one we ask for, again after each reconnect
let joined = false; // the answer to `join` came on this connection
let attempt = 0; // counts joins, so that only the answer to the latest one matters
let early = []; // messages of the wanted room that overtake the answer to `join`
let outbox = []; // own messages without an answer so far
let unread = 0;
const seen = new Set(); // ids of the messages in the log
const mine = new Set(JSON.parse(sessionStorage.getItem("chat.ids") ?? "[]")); // own socket ids, the former ones too
const typists = new Map(); // socket id -> { name, timer }

function fragment() {
  try { return decodeURIComponent(location.hash.slice(1)).trim(); } catch { return ""; }
}

// ---- Connection ---------------------------------------------------------------------------------------------------

function load([client, ...others]) {
  if (!client) {
    show("offline", "Offline");
    $("fatal").hidden = false;
    return $("welcome").close();
  }
  const script = make("script", client);
  script.onload = () => (window.io ? connect() : load(others));
  script.onerror = () => load(others);
  document.head.append(script);
}

function connect() {
  const transports = new URLSearchParams(location.search).get("transports")?.split(",");
  socket = window.io({ reconnectionDelayMax: 3000, ...(transports && { transports }) });
  socket.on("connect", () => {
    mine.add(socket.id);
    sessionStorage.setItem("chat.ids", JSON.stringify([...mine].slice(-20)));
    showTransport();
    socket.io.engine.on("upgrade", showTransport);
    join();
  });
  socket.on("disconnect", (reason) => {
    joined = false;
    typists.clear();
    showTyping();
    show("reconnecting", "Reconnecting");
    if (room) notice("Connection lost. What you write now is sent as soon as it is back.");
    if (reason === "io server disconnect") setTimeout(() => socket.connect(), 1000);
  });
  socket.on("connect_error", () => {
    show(room ? "reconnecting" : "connecting", room ? "Reconnecting" : "Waiting for the server");
    if (!socket.active) setTimeout(() => socket.connect(), 2000); // refused: the client would not try again
  });
  socket.io.on("reconnect_attempt", (n) => show("reconnecting", `Reconnecting, attempt ${n}`));
  socket.on("rooms", showRooms);
  socket.on("people", (update) => {
    if (update.room !== room) return;
    const { people, joined: came, left, renamed } = update;
    if (came) notice(`${came.name} joined`);
    if (left) notice(`${left.name} left`);
    if (renamed) notice(`${renamed.was} is now ${renamed.name}`);
    for (const id of typists.keys()) if (!people.some((person) => person.id === id)) stopTyping(id);
    showPeople(people);
  });
  socket.on("message", (message) => receive(message));
  socket.on("image", (message, bytes) => receive({ ...message, bytes }));
  socket.on("typing", ({ room: where, id, name, typing }) => {
    if (where !== room) return;
    stopTyping(id);
    if (typing) typists.set(id, { name, timer: setTimeout(stopTyping, 5000, id) });
    showTyping();
  });
}

function show(state, text) {
  $("connection").dataset.state = state;
  $("connection-text").textContent = text;
}

function showTransport() {
  const transport = socket.io.engine.transport.name;
  if (socket.connected) show(transport, transport === "websocket" ? "WebSocket" : "Polling");
}

// ---- Rooms and people -----------------------------------------------------------------------------------------------

function join(newName = name) {
  if (!newName) return ask();
  if (!socket?.connected) return;
  const number = ++attempt;
  early = [];
  socket.timeout(ACK_TIMEOUT).emit("join", { name: newName, room: wanted }, (error, answer) => {
    if (number !== attempt) return;
    if (error) return socket.connected && join(newName);
    if (!answer.ok) return refused(answer.error, newName);
    const moved = answer.room !== room;
    if (moved) {
      for (const entry of $("log").children) release(entry);
      $("log").replaceChildren();
      seen.clear();
      outbox = [];
    } else if (!joined) notice("Connected again.");
    name = answer.name;
    room = wanted = answer.room;
    joined = true;
    sessionStorage.setItem("chat.name", name);
    localStorage.setItem("chat.name", name);
    if (fragment() !== room) history.replaceState(null, "", `#${encodeURIComponent(room)}`);
    $("me").textContent = name;
    avatar(name, $("me-avatar"));
    $("welcome").close();
    $("room-title").textContent = room;
    $("text").placeholder = `Message to ${room}`;
    [...answer.history, ...early].forEach(receive);
    early = [];
    showPeople(answer.people);
    showRooms();
    showTitle();
    for (const message of outbox) if (message.state === "waiting") deliver(message);
    if (moved) toEnd();
    if (moved && matchMedia("(pointer: fine)").matches) $("text").focus();
  });
}

function refused(error, newName) {
  if (newName !== name || !room) {
    ask();
    $("name-error").textContent = error;
    $("name-error").hidden = false;
  } else complain(error);
  wanted = room || "lobby";
}

function ask() {
  $("name-error").hidden = true;
  if ($("welcome").open) return; // somebody is typing there
  $("name").value = name || localStorage.getItem("chat.name") || "";
  $("welcome").showModal();
  $("name").select();
}

function go(target) {
  document.body.classList.remove("side-open");
  $("menu").ariaExpanded = "false";
  if (!target || target === room) return;
  if (!socket?.connected) return complain("Rooms can be changed as soon as the connection is back.");
  wanted = target;
  join();
}

let rooms = [];
function showRooms(update = rooms) {
  rooms = update;
  const listed = rooms.some((entry) => entry.name === room) || !room ? rooms : [...rooms, { name: room, people: 1 }];
  const focused = document.activeElement?.dataset.room;
  $("room-list").replaceChildren(...listed.map((entry) => {
    const people = `${entry.people} ${entry.people === 1 ? "person" : "people"}`;
    const button = make("button", { data: { testid: "room", room: entry.name }, onclick: () => go(entry.name) },
      make("span", { className: "name", textContent: entry.name }),
      make("span", { className: "count", textContent: entry.people || "", ariaLabel: people, role: "img" }));
    if (entry.name === room) button.ariaCurrent = "true";
    return make("li", {}, button);
  }));
  if (focused) $("room-list").querySelector(`[data-room="${CSS.escape(focused)}"]`)?.focus();
}

function showPeople(people) {
  $("people").replaceChildren(...people.map((person) => {
    const item = make("li", { data: { testid: "person", name: person.name, id: person.id } },
      avatar(person.name), make("span", { className: "name", textContent: person.name }));
    if (person.id === socket.id) {
      item.dataset.me = "true";
      item.append(make("span", { className: "you", textContent: "you" }));
    }
    return item;
  }));
}

function stopTyping(id) {
  clearTimeout(typists.get(id)?.timer);
  if (typists.delete(id)) showTyping();
}

function showTyping() {
  const names = [...typists.values()].map((typist) => typist.name);
  $("typing").textContent = names.length === 0 ? "" : names.length === 1 ? `${names[0]} is typing`
    : names.length < 4 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)} are typing` : "Several people are typing";
}

// ---- The log --------------------------------------------------------------------------------------------------------

function receive(message) {
  if (message.room !== room) return message.room === wanted && early.push(message);
  if (seen.has(message.id)) return;
  const own = mine.has(message.from);
  // Sent, but the connection went before the answer came: the history tells that it arrived.
  const lost = own && outbox.find((m) => m.state !== "waiting" && m.text === message.text && m.file === message.file && m.size === message.size);
  if (lost) return settle(lost, message);
  seen.add(message.id);
  stopTyping(message.from);
  const entry = element({ ...message, own, state: "sent" });
  entry.dataset.id = message.id;
  append(entry, own);
  if (!own && document.hidden) showTitle(++unread);
}

function element(message) {
  const kind = message.file === undefined ? "text" : "image";
  const body = make("div", { className: "body" });
  if (kind === "text") body.append(make("div", { className: "text", data: { testid: "text" } }, ...links(message.text)));
  else if (message.bytes && IMAGE_TYPES.includes(message.type)) body.append(picture(message));
  else body.append(make("div", { className: "missing", data: { testid: "missing-image" }, textContent: `${message.file}, ${size(message.size)} (images are not kept)` }));
  const entry = make("article", { className: message.own ? "message own" : "message",
    data: { testid: "message", kind, from: message.name, own: message.own, state: message.state, sender: message.own ? "me" : message.from, at: message.at } },
    avatar(message.name),
    make("div", { className: "by" }, make("b", { textContent: message.name }), ` ${clock.format(message.at)}`),
    body, make("div", { className: "fate" }));
  entry.style.setProperty("--hue", hue(message.name));
  return entry;
}

function links(text) {
  return text.split(/(https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]}])/).map((part, index) =>
    index % 2 ? make("a", { href: part, target: "_blank", rel: "noopener noreferrer", textContent: part }) : part);
}

function picture({ bytes, type, file, size, name, own }) {
  const src = URL.createObjectURL(new Blob([bytes], { type }));
  const image = make("img", { src, alt: `${file}, sent by ${name}`, data: { testid: "image", bytes: size, type } });
  const stay = own || atEnd();
  image.onload = () => stay && toEnd();
  return make("button", { className: "picture", ariaLabel: `Enlarge ${file}`, onclick: () => {
    $("viewer").querySelector("img")?.remove();
    $("viewer").prepend(make("img", { src, alt: image.alt }));
    $("viewer").showModal();
  } }, image);
}

function notice(text) {
  append(make("p", { className: "notice", data: { testid: "notice" }, textContent: text }));
}

function append(entry, own = false) {
  const log = $("log"), last = log.lastElementChild, stay = own || atEnd();
  const near = last && entry.dataset.at - last.dataset.at < 300_000;
  if (near && entry.dataset.sender === last.dataset.sender) entry.classList.add("same");
  log.append(entry);
  if (log.children.length > LOG_LIMIT) {
    release(log.firstElementChild);
    log.firstElementChild.remove();
  }
  if (stay) toEnd();
  else $("newer").hidden = false;
}

function release(entry) {
  const image = entry.querySelector("img");
  if (image) URL.revokeObjectURL(image.src);
}

function atEnd() {
  const log = $("log");
  return log.scrollHeight - log.scrollTop - log.clientHeight < 80;
}

function toEnd() {
  $("log").scrollTop = $("log").scrollHeight;
  $("newer").hidden = true;
}

function showTitle() {
  document.title = `${unread ? `(${unread}) ` : ""}${room || "Chat"}`;
}

let complaint;
function complain(text) {
  const stay = atEnd();
  clearTimeout(complaint);
  $("alert").textContent = text;
  $("alert").hidden = !text;
  if (stay) toEnd();
  complaint = setTimeout(complain, 8000, "");
}

// ---- Sending --------------------------------------------------------------------------------------------------------

function send(content) {
  const message = { name, own: true, at: Date.now(), state: "waiting", ...content };
  message.entry = element(message);
  append(message.entry, true);
  outbox.push(message);
  if (joined) deliver(message);
  else mark(message, "waiting", "Waiting for the connection");
}

function deliver(message) {
  mark(message, "sending");
  const done = (error, answer) => {
    if (answer?.ok) return settle(message, answer);
    if (message.state !== "sending") return;
    mark(message, "failed", answer?.error ?? "Not sent.");
    message.entry.querySelector(".fate").append(" ", make("button", { data: { testid: "retry" }, textContent: "Send again",
      onclick: () => (joined ? deliver(message) : mark(message, "waiting", "Waiting for the connection")) }));
  };
  const to = socket.timeout(ACK_TIMEOUT);
  if (message.bytes) to.emit("image", { name: message.file, type: message.type }, message.bytes, done);
  else to.emit("message", { text: message.text }, done);
}

function settle(message, { id }) {
  outbox = outbox.filter((other) => other !== message);
  seen.add(id);
  message.entry.dataset.id = id;
  mark(message, "sent");
}

function mark(message, state, fate = "") {
  const stay = atEnd();
  message.state = message.entry.dataset.state = state;
  message.entry.querySelector(".fate").textContent = fate;
  if (stay) toEnd();
}

async function sendImages(files) {
  complain("");
  for (const file of files) {
    const limit = IMAGE_LIMIT[socket?.io.engine?.transport?.name] ?? IMAGE_LIMIT.polling;
    const title = file.name || "image";
    if (!IMAGE_TYPES.includes(file.type)) complain(`${title} can't be shown here: PNG, JPEG, GIF, WebP and AVIF images can.`);
    else if (file.size === 0) complain(`${title} is empty.`);
    else if (file.size > limit) complain(`${title} has ${size(file.size)}; images of up to ${size(limit)} can be sent. Make it smaller, then try again.`);
    else if (room) send({ file: title.slice(-100), type: file.type, size: file.size, bytes: await file.arrayBuffer() });
  }
}

let lastTyping = 0, idle;
function tellTyping(typing) {
  clearTimeout(idle);
  if (typing) idle = setTimeout(tellTyping, 3000, false);
  const now = Date.now();
  if (!joined || (typing ? now - lastTyping < 2000 : !lastTyping)) return;
  lastTyping = typing ? now : 0;
  socket.volatile.emit("typing", typing);
}

// ---- Controls -------------------------------------------------------------------------------------------------------

const text = $("text");
const grow = () => {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
};
text.oninput = () => { grow(); tellTyping(text.value.trim() !== ""); };
text.onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
};
$("composer").onsubmit = (event) => {
  event.preventDefault();
  text.focus();
  const content = text.value.trim();
  if (!content || !room) return;
  text.value = "";
  grow();
  tellTyping(false);
  complain("");
  send({ text: content });
};
$("attach").onclick = () => $("file").click();
$("file").onchange = () => { sendImages([...$("file").files]); $("file").value = ""; };
document.onpaste = (event) => {
  const files = [...event.clipboardData.files];
  if (files.length && !$("welcome").open) { event.preventDefault(); sendImages(files); }
};
const dragging = (on) => document.body.classList.toggle("dropping", on);
document.ondragover = (event) => { if (event.dataTransfer.types.includes("Files")) { event.preventDefault(); dragging(true); } };
document.ondragleave = (event) => { if (!event.relatedTarget) dragging(false); };
document.ondrop = (event) => { event.preventDefault(); dragging(false); sendImages([...event.dataTransfer.files]); };
$("new-room").onsubmit = (event) => {
  event.preventDefault();
  go($("new-room-name").value.trim());
  $("new-room-name").value = "";
};
$("welcome-form").onsubmit = (event) => {
  event.preventDefault();
  const chosen = $("name").value.trim();
  if (!chosen) return;
  if (chosen === name && joined) return $("welcome").close();
  if (!joined) name = chosen; // the connection that is still to come joins with it
  if (!socket?.connected) $("welcome").close();
  join(chosen);
};
$("welcome").oncancel = (event) => { if (!name) event.preventDefault(); };
$("me").onclick = ask;
$("newer").onclick = toEnd;
$("log").onscroll = () => { if (atEnd()) $("newer").hidden = true; };
$("menu").onclick = () => {
  $("menu").ariaExpanded = String(document.body.classList.toggle("side-open"));
  $("room-list").querySelector("button")?.focus();
};
$("shade").onclick = () => go(room);
document.onkeydown = (event) => { if (event.key === "Escape") go(room); };
document.onvisibilitychange = () => { if (!document.hidden) { unread = 0; showTitle(); } };
window.onhashchange = () => go(fragment());

if (!name) ask();
load(CLIENTS);
