// Sends one photo: requests an upload URL from our server, posts the photo there, asks our server to accept it.
// A new try continues after the last step that succeeded.

import { SignedOut, UploadDelayed, UploadRefused } from "./errors.js";
import { csrfToken } from "./sign-in.js";

// Without a byte for so long the connection is lost, even if the phone still reports one. Milliseconds.
const SILENCE_TIMEOUT = 30_000;
// Upload URLs that expire sooner than this are not used. Milliseconds.
const EXPIRY_MARGIN = 15_000;

const NO_CONNECTION = "Нет связи. Отправим сами, когда она вернётся.";
const NO_STORAGE = "Хранилище фото не отвечает. Попробуем ещё раз сами.";
const NO_SERVER = "Сервер не отвечает. Попробуем ещё раз сами.";

// Resolves to the finished request, whatever its status. Not fetch(), which has no progress of uploads.
function post(url, body, { headers = {}, signal, onProgress }) {
  signal.throwIfAborted();
  const request = new XMLHttpRequest();
  const finished = new Promise((resolve, reject) => {
    let timer;
    const restartTimer = () => {
      clearTimeout(timer);
      timer = setTimeout(() => { request.abort(); reject(new UploadDelayed(NO_CONNECTION)); }, SILENCE_TIMEOUT);
    };
    const abort = () => { request.abort(); reject(signal.reason); };
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => reject(new UploadDelayed(NO_CONNECTION)));
    request.addEventListener("loadend", () => { clearTimeout(timer); signal.removeEventListener("abort", abort); });
    signal.addEventListener("abort", abort);
    if (onProgress) {
      request.upload.addEventListener("progress", ({ loaded, total }) => {
        restartTimer();
        onProgress(loaded / total);
      });
    }
    restartTimer();
  });
  request.open("POST", url);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.send(body);
  return finished;
}

// Posts to our server; resolves to the JSON of its answer.
async function postToServer(url, fields, signal) {
  const headers = { Accept: "application/json", "X-CSRFToken": csrfToken() };
  const request = await post(url, new URLSearchParams(fields), { headers, signal });
  let answer = {};
  try {
    answer = JSON.parse(request.responseText);
  } catch { /* An error page of Django or of a proxy is HTML. */ }
  if (request.status >= 200 && request.status < 300 && answer.id) return answer;
  throw errorFor(request, answer.error);
}

function errorFor(request, message) {
  const { status } = request;
  // 403 without a message of ours means that the page's CSRF token is outdated. Signing in brings a new token, too.
  if (status === 401 || (status === 403 && !message)) return new SignedOut("Сеанс закончился. Войдите ещё раз.");
  if (status === 429) {
    return new UploadDelayed(message ?? NO_SERVER, Number(request.getResponseHeader("Retry-After")) || 60);
  }
  if (status >= 500 || !message) return new UploadDelayed(message ?? NO_SERVER);
  return new UploadRefused(message);
}

export class Transfer {
  #url;
  #fields;
  #photo;
  #destination = null; // the server's answer: where to post the photo, and the URLs to complete or remove it
  #isStored = false;

  // `url`: where our server returns upload URLs. `fields`: what the photo is for.
  constructor(url, fields, photo) {
    this.#url = url;
    this.#fields = { ...fields, content_type: photo.type, size: photo.size };
    this.#photo = photo;
  }

  // Resolves to the server's answer about the accepted photo. Rejects with UploadDelayed, SignedOut or UploadRefused.
  async attempt(signal, onProgress) {
    if (!this.#isStored) await this.#store(signal, onProgress);
    return postToServer(this.#destination.completion, {}, signal);
  }

  // Tells the server that the photo is not coming, so that it doesn't count among those of its device.
  cancel() {
    if (this.#destination) postToServer(this.#destination.removal, {}, new AbortController().signal).catch(() => {});
  }

  async #store(signal, onProgress) {
    if (!this.#destination || Date.now() > this.#destination.expiresAt) {
      const answer = await postToServer(this.#url, this.#fields, signal);
      this.#destination = { ...answer, expiresAt: Date.now() + 1000 * answer.expires_in - EXPIRY_MARGIN };
    }
    const body = new FormData();
    for (const [name, value] of Object.entries(this.#destination.fields)) body.append(name, value);
    body.append("file", this.#photo);
    const { status } = await post(this.#destination.url, body, { signal, onProgress });
    if (status < 200 || status >= 300) {
      if (status < 500) this.#destination = null; // expired, or refused by the storage
      throw new UploadDelayed(NO_STORAGE);
    }
    this.#isStored = true;
  }
}
