// Chosen photos: shown before they are sent, taken back one by one, with a bar for each while they travel.

const chosen = new WeakMap(); // file input → the files that will be sent

document.addEventListener("change", (event) => {
  const input = event.target;
  if (!input.matches('[data-photo-choice] input[type="file"]')) return;
  // A camera gives one photo at a time: the next one joins those taken before.
  const before = input.multiple ? chosen.get(input) ?? [] : [];
  choose(input, [...before, ...input.files]);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-take-back]");
  if (!button) return;
  const input = button.closest("[data-photo-choice]").querySelector('input[type="file"]');
  choose(input, chosen.get(input).filter((_, index) => index !== Number(button.dataset.takeBack)));
  input.focus();
});

function choose(input, files) {
  const transfer = new DataTransfer();
  files.forEach((file) => transfer.items.add(file));
  input.files = transfer.files;
  chosen.set(input, files);
  const list = input.closest("[data-photo-choice]").querySelector("[data-chosen]");
  list.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.src));
  list.replaceChildren(...files.map(tile));
}

function tile(file, index) {
  const image = Object.assign(document.createElement("img"), { src: URL.createObjectURL(file), alt: file.name });
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button link danger", textContent: "Убрать" });
  button.dataset.takeBack = index;
  button.setAttribute("aria-label", `Убрать ${file.name}`);
  const bar = Object.assign(document.createElement("progress"), { max: file.size, value: 0, hidden: true });
  bar.setAttribute("aria-label", `Отправка ${file.name}`);
  const box = Object.assign(document.createElement("div"), { className: "tile" });
  box.append(image, bar, button);
  return box;
}

// The files of a form travel one after another, so what has been sent tells how far each of them is.
document.addEventListener("htmx:xhr:progress", (event) => {
  const { loaded, total, lengthComputable } = event.detail;
  const bars = [...event.target.querySelectorAll("[data-chosen] progress")];
  if (!lengthComputable || !bars.length) return;
  let before = Math.max(0, total - bars.reduce((sum, bar) => sum + bar.max, 0));
  for (const bar of bars) {
    bar.hidden = false;
    bar.value = Math.min(bar.max, Math.max(0, loaded - before));
    before += bar.max;
  }
});

document.addEventListener("htmx:afterRequest", (event) => {
  event.target.querySelectorAll?.("[data-chosen] progress").forEach((bar) => { bar.hidden = true; });
});
