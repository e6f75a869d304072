// A chosen file, looked at before anything is sent: refused in words, shown at once, made small for the way.

import { Refused } from "./errors.js";

const LONGER_SIDE = 1200;
const MOST_BYTES = 50 * 1024 ** 2;
// A bitmap takes four bytes a pixel: what is larger would end the page on a phone.
const MOST_PIXELS = 64_000_000;

const EMPTY = "Файл пустой. Сделайте фото ещё раз или выберите другое.";
const TOO_LARGE = "Файл больше 50 МБ. Выберите фото поменьше.";
const TOO_MANY_PIXELS = "Фото больше 64 мегапикселей. Сделайте снимок с меньшим разрешением.";
const NOT_A_PHOTO = "Это не фото или файл повреждён. Подойдут JPEG, PNG, WebP и HEIC.";

const KINDS = [
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/png", /^\x89PNG\r\n\x1a\n/],
  ["image/webp", /^RIFF[^]{4}WEBP/],
  ["image/heic", /^[^]{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)/],
];

async function kindOf(file) {
  if (!file.size) throw new Refused(EMPTY);
  if (file.size > MOST_BYTES) throw new Refused(TOO_LARGE);
  let bytes;
  try {
    bytes = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  } catch {
    throw new Refused("Файл не читается. Выберите его ещё раз.");
  }
  const start = String.fromCharCode(...bytes);
  const kind = KINDS.find(([, signature]) => signature.test(start))?.[0];
  if (!kind) throw new Refused(NOT_A_PHOTO);
  return kind;
}

// Its size in pixels, or null when this browser can't read the format. Nothing is decoded for this but the header.
async function measured(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => Object.assign(image, { onload: resolve, onerror: reject }));
    return image.naturalWidth * image.naturalHeight;
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

let worker = null;
const waiting = new Map(); // number → what to call with the small photo

function shrink(file, script) {
  if (!window.Worker || !window.OffscreenCanvas) return null;
  worker ??= started(script);
  return new Promise((resolve) => {
    const number = waiting.size ? Math.max(...waiting.keys()) + 1 : 0;
    waiting.set(number, resolve);
    worker.postMessage({ number, file, longerSide: LONGER_SIDE });
  });
}

function started(script) {
  const made = new Worker(script);
  made.addEventListener("message", ({ data: { number, blob } }) => {
    waiting.get(number)(blob);
    waiting.delete(number);
  });
  made.addEventListener("error", () => {
    waiting.forEach((resolve) => resolve(null));
    waiting.clear();
    worker = null;
  });
  return made;
}

// What to send: the photo made small, or the file as it is where only the server can read it.
// `show` is called as soon as the file may be shown.
export async function read(file, script, show) {
  const kind = await kindOf(file);
  const pixels = await measured(file);
  if (pixels > MOST_PIXELS) throw new Refused(TOO_MANY_PIXELS);
  if (pixels) show(file);
  else if (kind !== "image/heic") throw new Refused(NOT_A_PHOTO);
  const small = pixels && (await shrink(file, script));
  if (small) show(small); // the large one need not stay decoded
  return small || new Blob([file], { type: kind });
}
