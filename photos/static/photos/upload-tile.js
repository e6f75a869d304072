// What is seen of one photo while it is on its way. The markup is the page's, in template[data-sending].

export class Tile {
  #parts = {};

  constructor(template, name, { again, drop }) {
    this.box = template.content.cloneNode(true).firstElementChild;
    for (const part of this.box.querySelectorAll("[data-part]")) this.#parts[part.dataset.part] = part;
    const { image, bar, again: tryAgain, drop: takeAway } = this.#parts;
    image.alt = name;
    for (const part of [bar, tryAgain, takeAway]) {
      part.setAttribute("aria-label", `${part.getAttribute("aria-label")} ${name}`);
    }
    tryAgain.addEventListener("click", again);
    takeAway.addEventListener("click", drop);
  }

  show(photo) {
    const { image, icon } = this.#parts;
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(photo);
    image.hidden = false;
    icon.hidden = true;
  }

  say(words, { share = null, canRetry = false, failed = false } = {}) {
    const { bar, again, words: text } = this.#parts;
    text.textContent = words;
    this.box.classList.toggle("failed", failed);
    bar.hidden = share === null;
    if (share !== null) bar.value = share;
    if (document.activeElement === again && !canRetry) this.focus();
    again.hidden = !canRetry;
  }

  // The form that is sent with the page names the photo.
  enclose(id) {
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: "uploads", value: id });
    this.box.append(field);
  }

  // The picture that is on the screen already, for the tile that takes the place of this one.
  get picture() {
    return this.#parts.image.hidden ? null : this.#parts.image.src;
  }

  get hasFocus() {
    return this.box.contains(document.activeElement);
  }

  focus() {
    this.#parts.drop.focus();
  }
}
