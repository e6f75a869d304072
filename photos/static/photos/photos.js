// Uploads photos as soon as they are chosen. Without JavaScript the form sends them from its file field.
//
// A "place" is where the photos of one device or passport are: all elements with the same data-photo-choice.

import { guardForms } from "./form-guard.js";
import { Upload } from "./upload.js";

const uploadsByPlace = new Map(); // value of data-photo-choice → uploads that are not photos of the page yet
const elementsOf = (place) => [...document.querySelectorAll(`[data-photo-choice="${CSS.escape(place)}"]`)];
const uploadsOf = (place) => uploadsByPlace.get(place) ?? uploadsByPlace.set(place, []).get(place);

guardForms(() => [...uploadsByPlace.values()].flat());

document.addEventListener("change", (event) => {
  if (event.target.type === "file") takeFiles(event.target);
});

function takeFiles(input) {
  const element = input.closest("[data-photo-choice]");
  if (!element || !input.files.length) return;
  addFiles(element, [...input.files]);
  input.value = ""; // otherwise the form would send the files again
}

function addFiles(element, files) {
  const { photoChoice: place, replaces, limit } = element.dataset;
  const uploads = uploadsOf(place);
  if (replaces !== undefined) [...uploads].forEach((upload) => upload.remove());
  const saved = replaces === undefined ? element.querySelectorAll("[data-photo]").length : 0;
  const room = Math.max(0, limit - saved - uploads.filter((upload) => upload.state !== "refused").length);
  for (const file of files.slice(0, room)) uploads.push(startUpload(file, element, place));
  showRejected(element, files.slice(room), limit);
  placeTiles();
  announce(place, files.length > 1 ? `Выбрано фото: ${Math.min(files.length, room)}` : `${files[0].name}: выбрано`);
}

function startUpload(file, element, place) {
  const upload = new Upload(file, { ...element.dataset }, element.querySelector("template[data-sending]"));
  upload.isUnsaved = element.dataset.unsaved !== undefined;
  upload.addEventListener("change", () => handleChange(upload, place));
  return upload;
}

function showRejected(element, files, limit) {
  const error = element.querySelector("[data-too-many]");
  error.hidden = !files.length;
  error.textContent = files.length ? `Не больше ${limit} фото. Не взяты: ${files.map((file) => file.name).join(", ")}.` : "";
}

// To screen readers.
function announce(place, text) {
  for (const element of elementsOf(place)) element.querySelector("[data-news]").textContent = text;
}

function handleChange(upload, place) {
  announce(place, upload.announcement);
  if (upload.state === "attached") showAsPhoto(upload, place);
  if (upload.state === "removed") removeTile(upload, place);
}

// Adds the saved photo wherever the page shows the photos of this place, with the same HTML as the server's.
function showAsPhoto(upload, place) {
  const { tile, answer } = upload;
  for (const element of elementsOf(place)) {
    if (element.dataset.replaces !== undefined) element.querySelectorAll("[data-photo]").forEach((old) => old.remove());
    const photo = renderPhoto(element, answer, tile.previewUrl);
    if (!element.contains(tile.element)) element.querySelector("[data-add]").before(photo);
    else {
      const hadFocus = tile.hasFocus;
      tile.element.replaceWith(photo);
      if (hadFocus) photo.querySelector("a, button")?.focus();
    }
    window.htmx.process(photo);
  }
  forget(upload, place);
}

function renderPhoto(element, { photo, thumbnail, removal }, previewUrl) {
  const tile = element.querySelector("template[data-attached]").content.cloneNode(true).firstElementChild;
  tile.querySelector("a").href = photo;
  const image = tile.querySelector("img"); // the photo of a passport has no thumbnail
  if (image) image.src = previewUrl ?? thumbnail;
  const button = tile.querySelector("button");
  button?.setAttribute("hx-post", removal);
  button?.setAttribute("formaction", removal);
  return tile;
}

function removeTile(upload, place) {
  const { element, hasFocus } = upload.tile;
  const nextFocus = hasFocus && element.closest("[data-photo-choice]").querySelector('[data-add] input[type="file"]');
  element.remove();
  if (nextFocus) nextFocus.focus();
  forget(upload, place);
}

function forget(upload, place) {
  const uploads = uploadsOf(place);
  uploads.splice(uploads.indexOf(upload), 1);
}

// HTMX may have replaced the elements: puts each tile into the new element of its place. Uploads of a form that was
// closed without saving are removed.
function placeTiles() {
  for (const [place, uploads] of uploadsByPlace) {
    const addTile = elementsOf(place).at(-1)?.querySelector("[data-add]");
    for (const upload of [...uploads]) {
      if (addTile) addTile.before(upload.tile.element);
      else if (upload.isUnsaved) upload.remove();
    }
  }
}

document.addEventListener("htmx:load", placeTiles);
document.addEventListener("htmx:historyRestore", placeTiles);
// "close" doesn't bubble. The dialog is emptied by another listener, which has to run first.
document.addEventListener("close", () => setTimeout(placeTiles), true);

// A saved form has saved its photos: the server renders them from now on.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (xhr.status >= 400 || requestConfig.verb === "get") return;
  for (const element of requestConfig.elt.querySelectorAll("[data-photo-choice]")) {
    uploadsByPlace.delete(element.dataset.photoChoice);
  }
});

// A photo that was deleted in a dialog also disappears from the page below.
document.addEventListener("htmx:afterRequest", (event) => {
  const deleted = event.detail.successful && event.detail.elt.closest("[data-photo]")?.querySelector("a")?.href;
  if (!deleted) return;
  for (const tile of document.querySelectorAll("[data-photo]")) {
    if (tile.querySelector("a")?.href === deleted) tile.remove();
  }
});

// Files that were chosen before this module was loaded.
document.querySelectorAll('[data-photo-choice] input[type="file"]').forEach(takeFiles);
