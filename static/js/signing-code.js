// The one-time code: «123 456» may be pasted, and the button for a new code waits until it may be pressed.

document.addEventListener("paste", (event) => {
  const field = event.target.closest?.("[data-code]");
  if (!field) return;
  event.preventDefault();
  field.value = event.clipboardData.getData("text").replace(/\D/g, "").slice(0, 6);
  field.dispatchEvent(new Event("input", { bubbles: true }));
});

function countDown(button) {
  if (button.dataset.until) return;
  button.dataset.until = Date.now() + 1000 * Number(button.dataset.countdown);
  const text = button.parentElement.querySelector("[data-countdown-text]");
  const tick = () => {
    const left = Math.max(0, Math.ceil((button.dataset.until - Date.now()) / 1000));
    text.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    text.parentElement.hidden = left === 0;
    button.setAttribute("aria-disabled", String(left > 0));
    if (left === 0 || !button.isConnected) clearInterval(timer);
  };
  const timer = setInterval(tick, 1000);
  tick();
}

const start = () => document.querySelectorAll("[data-countdown]").forEach(countDown);
start();
document.addEventListener("htmx:load", start);

// Captured before htmx sends what the button asks for.
document.addEventListener("click", (event) => {
  if (!event.target.closest('[data-countdown][aria-disabled="true"]')) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
