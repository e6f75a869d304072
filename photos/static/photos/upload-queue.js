// Limits how many photos are uploaded at the same time.

const MAX_RUNNING = 3;

let running = 0;
const waiting = []; // functions that let a waiting task start

// Resolves or rejects as `task` does, which starts when fewer than three others are running.
export async function enqueue(task) {
  if (running >= MAX_RUNNING) await new Promise((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await task();
  } finally {
    if (waiting.length) waiting.shift()();
    else running -= 1;
  }
}
