// One photo on its way: asks for an address, posts the photo there, has the server look at it.
// What was done stays done: another try goes on where the last one ended.

import { Later, Refused, SignedOut } from "./errors.js";
import { token } from "./session.js";

const SILENCE = 30_000; // milliseconds without a byte: the connection is gone, whatever the phone thinks
const SPARE = 15_000; // an address this close to its end is not worth starting with

const NO_CONNECTION = "Нет связи. Отправим сами, когда она вернётся.";
const NO_STORAGE = "Хранилище фото не отвечает. Попробуем ещё раз сами.";
const NO_SERVER = "Сервер не отвечает. Попробуем ещё раз сами.";

function post(address, body, { headers = {}, signal, progress }) {
  signal.throwIfAborted();
  const request = new XMLHttpRequest();
  const answered = new Promise((resolve, reject) => {
    let silence;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => { request.abort(); reject(new Later(NO_CONNECTION)); }, SILENCE);
    };
    const stop = () => { request.abort(); reject(signal.reason); };
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => reject(new Later(NO_CONNECTION)));
    request.addEventListener("loadend", () => { clearTimeout(silence); signal.removeEventListener("abort", stop); });
    signal.addEventListener("abort", stop);
    if (progress) {
      request.upload.addEventListener("progress", ({ loaded, total }) => { heard(); progress(loaded / total); });
    }
    heard();
  });
  request.open("POST", address);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.send(body);
  return answered;
}

async function ask(address, fields, signal) {
  const headers = { Accept: "application/json", "X-CSRFToken": token() };
  const request = await post(address, new URLSearchParams(fields), { headers, signal });
  let answer = {};
  try {
    answer = JSON.parse(request.responseText);
  } catch { /* A proxy in front, or Django's own page, answers with one. */ }
  if (request.status >= 200 && request.status < 300 && answer.id) return answer;
  throw failure(request, answer.error);
}

function failure(request, words) {
  const { status } = request;
  // Without words of ours it is the page's token that is old: signing in brings a new one, too.
  if (status === 401 || (status === 403 && !words)) return new SignedOut("Сеанс закончился. Войдите ещё раз.");
  if (status === 429) return new Later(words ?? NO_SERVER, Number(request.getResponseHeader("Retry-After")) || 60);
  if (status >= 500 || !words) return new Later(words ?? NO_SERVER);
  return new Refused(words);
}

export class Delivery {
  #address;
  #fields;
  #photo;
  #place = null; // where the photo may be posted, until when, and how that is completed
  #isStored = false;

  constructor(address, fields, photo) {
    this.#address = address;
    this.#fields = { ...fields, content_type: photo.type, size: photo.size };
    this.#photo = photo;
  }

  // Resolves to what the server says of the photo; raises Later, SignedOut or Refused.
  async attempt(signal, progress) {
    if (!this.#isStored) await this.#store(signal, progress);
    return ask(this.#place.completion, {}, signal);
  }

  // The place that the photo would take among those of its device is free again.
  forget() {
    if (this.#place) ask(this.#place.removal, {}, new AbortController().signal).catch(() => {});
  }

  async #store(signal, progress) {
    if (!this.#place || Date.now() > this.#place.until) {
      const place = await ask(this.#address, this.#fields, signal);
      this.#place = { ...place, until: Date.now() + 1000 * place.expires_in - SPARE };
    }
    const body = new FormData();
    for (const [name, value] of Object.entries(this.#place.fields)) body.append(name, value);
    body.append("file", this.#photo);
    const { status } = await post(this.#place.url, body, { signal, progress });
    if (status < 200 || status >= 300) {
      if (status < 500) this.#place = null; // late, or not wanted there any more
      throw new Later(NO_STORAGE);
    }
    this.#isStored = true;
  }
}
