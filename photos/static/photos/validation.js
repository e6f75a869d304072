// Checks a chosen file before it is uploaded: size, format and number of pixels.

import { UploadRefused } from "./errors.js";

const MAX_BYTES = 50 * 1024 ** 2;
// A decoded photo takes four bytes per pixel. A phone ends the page when a photo is larger.
const MAX_PIXELS = 64_000_000;

const EMPTY = "Файл пустой. Сделайте фото ещё раз или выберите другое.";
const TOO_LARGE = "Файл больше 50 МБ. Выберите фото поменьше.";
const TOO_MANY_PIXELS = "Фото больше 64 мегапикселей. Сделайте снимок с меньшим разрешением.";
const NOT_A_PHOTO = "Это не фото или файл повреждён. Подойдут JPEG, PNG, WebP и HEIC.";
const UNREADABLE = "Файл не читается. Выберите его ещё раз.";

const SIGNATURES = [
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/png", /^\x89PNG\r\n\x1a\n/],
  ["image/webp", /^RIFF[^]{4}WEBP/],
  ["image/heic", /^[^]{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)/],
];

// Returns { type, canDecode }: the MIME type by the content, and whether this browser can show the photo; those that
// it can't show are decoded on the server. Throws UploadRefused.
export async function validate(file) {
  const type = await detectType(file);
  const pixels = await countPixels(file);
  if (pixels > MAX_PIXELS) throw new UploadRefused(TOO_MANY_PIXELS);
  if (!pixels && type !== "image/heic") throw new UploadRefused(NOT_A_PHOTO);
  return { type, canDecode: Boolean(pixels) };
}

async function detectType(file) {
  if (!file.size) throw new UploadRefused(EMPTY);
  if (file.size > MAX_BYTES) throw new UploadRefused(TOO_LARGE);
  let bytes;
  try {
    bytes = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  } catch {
    throw new UploadRefused(UNREADABLE);
  }
  const start = String.fromCharCode(...bytes);
  const type = SIGNATURES.find(([, signature]) => signature.test(start))?.[0];
  if (!type) throw new UploadRefused(NOT_A_PHOTO);
  return type;
}

// Null when this browser can't read the format. The browser reads the header only, it doesn't decode the photo.
async function countPixels(file) {
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
