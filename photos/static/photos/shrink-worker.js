// A worker that turns a photo upright, scales it down and encodes it as JPEG without metadata.

const QUALITY = 0.85;

async function shrink(file, longerSide) {
  const photo = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, longerSide / Math.max(photo.width, photo.height));
  const scaled = (pixels) => Math.max(1, Math.round(pixels * scale));
  const canvas = new OffscreenCanvas(scaled(photo.width), scaled(photo.height));
  const context = canvas.getContext("2d", { alpha: false });
  // JPEG has no transparency: transparent pixels would become black.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(photo, 0, 0, canvas.width, canvas.height);
  photo.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
}

// One photo at a time: a decoded photo of 12 megapixels takes 48 MB.
let last = Promise.resolve();

self.addEventListener("message", ({ data: { id, file, longerSide } }) => {
  last = last
    .then(() => shrink(file, longerSide))
    .then((blob) => self.postMessage({ id, blob }), () => self.postMessage({ id, blob: null }));
});
