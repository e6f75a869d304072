// The pause before another try: exponential backoff with jitter.

const FIRST_PAUSE = 1000; // milliseconds
const LONGEST_PAUSE = 30_000;

// Waits after `tries` failed tries, and not less than `seconds`. The pause ends at once when `retryNow` gets the event
// "retry", and without `seconds` also when the browser is online again. Rejects when `signal` is aborted.
export function pauseBeforeRetry(tries, seconds, { signal, retryNow }) {
  const backoff = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** tries) * (0.5 + Math.random() / 2);
  return new Promise((resolve, reject) => {
    const listeners = new AbortController();
    const end = (settle) => { listeners.abort(); clearTimeout(timer); settle(); };
    const timer = setTimeout(() => end(resolve), Math.max(backoff, 1000 * seconds));
    const endOn = (target, event, settle) => {
      target.addEventListener(event, () => end(settle), { signal: listeners.signal });
    };
    endOn(retryNow, "retry", resolve);
    if (!seconds) endOn(window, "online", resolve);
    endOn(signal, "abort", () => reject(signal.reason));
  });
}
