// One chosen photo, from the file field until it is a photo of the page or a field of its form.

import { SignedOut, UploadDelayed, UploadRefused } from "./errors.js";
import { pauseBeforeRetry } from "./retry.js";
import { shrink } from "./shrink.js";
import { signIn } from "./sign-in.js";
import { Transfer } from "./transfer.js";
import { enqueue } from "./upload-queue.js";
import { UploadTile } from "./upload-tile.js";
import { validate } from "./validation.js";

const FAILED = "Не получилось. Уберите фото и выберите его ещё раз.";

// Dispatches "change" whenever `state` or `announcement` changes. `state` is "running", "accepted" (the form will
// name the photo), "attached" (the photo is saved with its device or passport), "refused" or "removed".
export class Upload extends EventTarget {
  state = "running";
  announcement = ""; // for screen readers
  answer = null; // the server's answer about the accepted photo
  #transfer = null;
  #abort = new AbortController();
  #retryNow = new EventTarget();
  #mayAskToSignIn = true;

  // `target` describes what the photo is for: the data attributes of the page's [data-photo-choice].
  constructor(file, target, template) {
    super();
    this.fileName = file.name;
    this.tile = new UploadTile(template, file.name, { onRetry: () => this.#retry(), onRemove: () => this.remove() });
    this.finished = this.#run(file, target);
  }

  get isRunning() {
    return this.state === "running";
  }

  remove() {
    this.#setState("removed", `${this.fileName}: убрано`);
    this.#abort.abort();
    this.#transfer?.cancel();
  }

  async #run(file, target) {
    this.tile.showStatus("Готовим…");
    try {
      const photo = await this.#prepare(file, target.worker);
      this.#transfer = new Transfer(target.uploads, fieldsOf(target), photo);
      this.answer = await this.#send(target.uploads);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#fail(error);
      return;
    }
    this.tile.showStatus("Отправлено");
    this.tile.addFormField(this.answer.id);
    this.#setState(this.answer.attached ? "attached" : "accepted", `${this.fileName}: отправлено`);
  }

  // Resolves to what is sent: the small photo, or the file itself when only the server can decode it.
  async #prepare(file, workerUrl) {
    const { type, canDecode } = await validate(file);
    if (canDecode) this.tile.showPhoto(file);
    const small = canDecode ? await shrink(file, workerUrl) : null;
    if (small) this.tile.showPhoto(small); // frees the memory of the large one
    return small ?? new Blob([file], { type });
  }

  #fail(error) {
    const message = error instanceof UploadRefused ? error.message : FAILED;
    this.tile.showStatus(message, { failed: true });
    this.#setState("refused", `${this.fileName}: ${message}`);
    if (!(error instanceof UploadRefused)) throw error;
  }

  // Tries until the photo is accepted or refused.
  async #send(url) {
    const signal = this.#abort.signal;
    for (let tries = 0; ; tries += 1) {
      try {
        return await enqueue(() => this.#transfer.attempt(signal, (progress) => this.#showProgress(progress)));
      } catch (error) {
        if (signal.aborted || !(error instanceof UploadDelayed)) throw error;
        const reason = await this.#askToSignIn(error, url);
        if (reason) this.#showDelay(reason.message);
        await pauseBeforeRetry(tries, reason?.seconds ?? 0, { signal, retryNow: this.#retryNow });
      }
    }
  }

  // Resolves to the error that delays the photo, or to null when the person has signed in.
  async #askToSignIn(error, url) {
    if (!(error instanceof SignedOut) || !this.#mayAskToSignIn) return error;
    this.tile.showStatus(error.message, { failed: true });
    try {
      await signIn(url);
      return null;
    } catch (refusal) {
      this.#mayAskToSignIn = false; // until the person clicks «Повторить»
      return refusal;
    }
  }

  #showDelay(reason) {
    this.tile.showStatus(reason, { canRetry: true, failed: true });
    this.#setState("running", `${this.fileName}: ${reason}`);
  }

  #showProgress(progress) {
    const text = progress < 1 ? `Отправлено ${Math.round(progress * 100)} %` : "Проверяем…";
    this.tile.showStatus(text, { progress });
  }

  #retry() {
    this.#mayAskToSignIn = true;
    this.#retryNow.dispatchEvent(new Event("retry"));
  }

  #setState(state, announcement) {
    Object.assign(this, { state, announcement });
    this.dispatchEvent(new Event("change"));
  }
}

function fieldsOf({ purpose, device }) {
  return device ? { purpose, device } : { purpose };
}
