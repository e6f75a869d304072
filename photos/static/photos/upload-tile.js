// The tile of a photo while it is uploaded. Its markup is the page's template[data-sending].

export class UploadTile {
  #parts = {};

  // `fileName` goes into the labels; `onRetry` and `onRemove` handle clicks on the tile's buttons.
  constructor(template, fileName, { onRetry, onRemove }) {
    this.element = template.content.cloneNode(true).firstElementChild;
    for (const part of this.element.querySelectorAll("[data-part]")) this.#parts[part.dataset.part] = part;
    const { image, bar, again, drop } = this.#parts;
    image.alt = fileName;
    for (const part of [bar, again, drop]) {
      part.setAttribute("aria-label", `${part.getAttribute("aria-label")} ${fileName}`);
    }
    again.addEventListener("click", onRetry);
    drop.addEventListener("click", onRemove);
  }

  showPhoto(photo) {
    const { image, icon } = this.#parts;
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(photo);
    image.hidden = false;
    icon.hidden = true;
  }

  // `progress` is between 0 and 1; null hides the progress bar.
  showStatus(text, { progress = null, canRetry = false, failed = false } = {}) {
    const { bar, again, words } = this.#parts;
    words.textContent = text;
    this.element.classList.toggle("failed", failed);
    bar.hidden = progress === null;
    if (progress !== null) bar.value = progress;
    if (document.activeElement === again && !canRetry) this.focus();
    again.hidden = !canRetry;
  }

  // Adds the field by which the form around the tile names the uploaded photo.
  addFormField(uploadId) {
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: "uploads", value: uploadId });
    this.element.append(field);
  }

  // The URL of the preview, for the tile that replaces this one; null without a preview.
  get previewUrl() {
    return this.#parts.image.hidden ? null : this.#parts.image.src;
  }

  get hasFocus() {
    return this.element.contains(document.activeElement);
  }

  focus() {
    this.#parts.drop.focus();
  }
}
