// Photos are sent as soon as they are chosen, while the person goes on. Without JavaScript the file field of the form does.

import { watch } from "./photos/holding.js";
import { Upload } from "./photos/upload.js";

const shelves = new Map(); // key of a place → its photos that are not yet photos of the page
const choices = (key) => [...document.querySelectorAll(`[data-photo-choice="${CSS.escape(key)}"]`)];
const shelfOf = (key) => shelves.get(key) ?? shelves.set(key, []).get(key);

watch(() => [...shelves.values()].flat());

document.addEventListener("change", (event) => {
  if (event.target.type === "file") take(event.target);
});

function take(input) {
  const choice = input.closest("[data-photo-choice]");
  if (!choice || !input.files.length) return;
  choose(choice, [...input.files]);
  input.value = ""; // what is sent already must not travel with the form again
}

function choose(choice, files) {
  const { photoChoice: key, replaces, limit } = choice.dataset;
  const shelf = shelfOf(key);
  if (replaces !== undefined) [...shelf].forEach((upload) => upload.drop());
  const kept = replaces === undefined ? choice.querySelectorAll("[data-photo]").length : 0;
  const room = Math.max(0, limit - kept - shelf.filter((upload) => upload.state !== "refused").length);
  for (const file of files.slice(0, room)) shelf.push(started(file, choice, key));
  refuse(choice, files.slice(room), limit);
  mount();
  tell(key, files.length > 1 ? `Выбрано фото: ${Math.min(files.length, room)}` : `${files[0].name}: выбрано`);
}

function started(file, choice, key) {
  const upload = new Upload(file, { ...choice.dataset }, choice.querySelector("template[data-sending]"));
  upload.isNew = choice.dataset.unsaved !== undefined;
  upload.addEventListener("change", () => changed(upload, key));
  return upload;
}

function refuse(choice, files, limit) {
  const words = choice.querySelector("[data-too-many]");
  words.hidden = !files.length;
  words.textContent = files.length ? `Не больше ${limit} фото. Не взяты: ${files.map((file) => file.name).join(", ")}.` : "";
}

function tell(key, words) {
  for (const choice of choices(key)) choice.querySelector("[data-news]").textContent = words;
}

function changed(upload, key) {
  tell(key, upload.news);
  if (upload.state === "attached") attach(upload, key);
  if (upload.state === "dropped") leave(upload, key);
}

// Every place of the page that shows these photos gets the new one, as the server would have drawn it.
function attach(upload, key) {
  const { tile, answer } = upload;
  for (const choice of choices(key)) {
    if (choice.dataset.replaces !== undefined) choice.querySelectorAll("[data-photo]").forEach((old) => old.remove());
    const photo = drawn(choice, answer, tile.picture);
    if (!choice.contains(tile.box)) choice.querySelector("[data-add]").before(photo);
    else {
      const hadFocus = tile.hasFocus;
      tile.box.replaceWith(photo);
      if (hadFocus) photo.querySelector("a, button")?.focus();
    }
    window.htmx.process(photo);
  }
  forget(upload, key);
}

function drawn(choice, { photo, thumbnail, removal }, picture) {
  const tile = choice.querySelector("template[data-attached]").content.cloneNode(true).firstElementChild;
  tile.querySelector("a").href = photo;
  const image = tile.querySelector("img"); // a passport's photo is shown only when it is opened
  if (image) image.src = picture ?? thumbnail;
  const button = tile.querySelector("button");
  button?.setAttribute("hx-post", removal);
  button?.setAttribute("formaction", removal);
  return tile;
}

function leave(upload, key) {
  const { box } = upload.tile;
  const next = upload.tile.hasFocus && box.closest("[data-photo-choice]").querySelector('[data-add] input[type="file"]');
  box.remove();
  if (next) next.focus();
  forget(upload, key);
}

function forget(upload, key) {
  const shelf = shelfOf(key);
  shelf.splice(shelf.indexOf(upload), 1);
}

// Puts the photos on their way where the page shows their place now: it may have been drawn anew. Those of a form that
// was closed unsaved go with it.
function mount() {
  for (const [key, shelf] of shelves) {
    const place = choices(key).at(-1)?.querySelector("[data-add]");
    for (const upload of [...shelf]) {
      if (place) place.before(upload.tile.box);
      else if (upload.isNew) upload.drop();
    }
  }
}

document.addEventListener("htmx:load", mount);
document.addEventListener("htmx:historyRestore", mount);
document.addEventListener("close", () => setTimeout(mount), true);

// A form that was saved has taken its photos along: the page draws them itself from now on.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (xhr.status >= 400 || requestConfig.verb === "get") return;
  for (const choice of requestConfig.elt.querySelectorAll("[data-photo-choice]")) shelves.delete(choice.dataset.photoChoice);
});

// A photo that was removed in a dialog is no longer shown by the page below.
document.addEventListener("htmx:afterRequest", (event) => {
  const removed = event.detail.successful && event.detail.elt.closest("[data-photo]")?.querySelector("a")?.href;
  if (!removed) return;
  for (const tile of document.querySelectorAll("[data-photo]")) {
    if (tile.querySelector("a")?.href === removed) tile.remove();
  }
});

// Chosen before this module had come: it is loaded with the first page that takes photos.
document.querySelectorAll('[data-photo-choice] input[type="file"]').forEach(take);
