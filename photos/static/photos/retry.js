// Pauses between tries, and turns: a bad connection is not made worse by everybody pressing at once.

const AT_ONCE = 3;
const FIRST = 1000;
const LONGEST = 30_000;

let running = 0;
const queue = [];

// Runs the deed when it is its turn.
export async function inTurn(deed) {
  if (running >= AT_ONCE) await new Promise((resolve) => queue.push(resolve));
  else running += 1;
  try {
    return await deed();
  } finally {
    if (queue.length) queue.shift()();
    else running -= 1;
  }
}

// Waits longer with every try, but never when the connection has just come back or `wake` is triggered.
export function pause(tries, seconds, { signal, wake }) {
  const growing = Math.min(LONGEST, FIRST * 2 ** tries) * (0.5 + Math.random() / 2);
  return new Promise((resolve, reject) => {
    const end = new AbortController();
    const over = (deed) => { end.abort(); clearTimeout(timer); deed(); };
    const timer = setTimeout(() => over(resolve), Math.max(growing, 1000 * seconds));
    const on = (where, name, deed) => where.addEventListener(name, () => over(deed), { signal: end.signal });
    on(wake, "again", resolve);
    if (!seconds) on(window, "online", resolve);
    on(signal, "abort", () => reject(signal.reason));
  });
}
