// Scales photos down in a worker, so that the page stays responsive.

const LONGER_SIDE = 1200; // pixels

let worker = null;
const pending = new Map(); // id of a request → function that takes the small photo

// Resolves to the small photo as a Blob, or to null when this browser can't make one. `workerUrl`: shrink-worker.js.
export async function shrink(file, workerUrl) {
  if (!window.Worker || !window.OffscreenCanvas) return null;
  worker ??= startWorker(workerUrl);
  return new Promise((resolve) => {
    const id = pending.size ? Math.max(...pending.keys()) + 1 : 0;
    pending.set(id, resolve);
    worker.postMessage({ id, file, longerSide: LONGER_SIDE });
  });
}

function startWorker(url) {
  const started = new Worker(url);
  started.addEventListener("message", ({ data: { id, blob } }) => {
    pending.get(id)(blob);
    pending.delete(id);
  });
  started.addEventListener("error", () => {
    pending.forEach((resolve) => resolve(null));
    pending.clear();
    worker = null;
  });
  return started;
}
