// A worker: makes a photo upright, at most so many pixels on its longer side, and a JPEG without any metadata.

const QUALITY = 0.85;

async function shrunk(file, longerSide) {
  const photo = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, longerSide / Math.max(photo.width, photo.height));
  const side = (pixels) => Math.max(1, Math.round(pixels * scale));
  const canvas = new OffscreenCanvas(side(photo.width), side(photo.height));
  const context = canvas.getContext("2d", { alpha: false });
  // JPEG knows no transparency: without paper it would turn black.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(photo, 0, 0, canvas.width, canvas.height);
  photo.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
}

// One after another: each 12-megapixel photo takes 48 MB while it is open.
let last = Promise.resolve();

self.addEventListener("message", ({ data: { number, file, longerSide } }) => {
  last = last
    .then(() => shrunk(file, longerSide))
    .then((blob) => self.postMessage({ number, blob }), () => self.postMessage({ number, blob: null }));
});
