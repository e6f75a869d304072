// The one-time code: «123 456» may be pasted, and a button for a new code counts down until it may be pressed.

document.addEventListener("paste", (event) => {
  const field = event.target.closest?.("[data-code]");
  if (!field) return;
  event.preventDefault();
  field.value = event.clipboardData.getData("text").replace(/\D/g, "").slice(0, 6);
  field.dispatchEvent(new Event("input", { bubbles: true }));
});

function countDown(button) {
  if (button.dataset.until) return;
  const label = button.textContent.trim();
  button.dataset.until = Date.now() + 1000 * Number(button.dataset.countdown);
  const tick = () => {
    const left = Math.ceil((button.dataset.until - Date.now()) / 1000);
    const minutes = Math.floor(left / 60);
    const seconds = String(left % 60).padStart(2, "0");
    button.textContent = left > 0 ? `${label} — через ${minutes}:${seconds}` : label;
    button.setAttribute("aria-disabled", String(left > 0));
    if (left <= 0 || !button.isConnected) clearInterval(timer);
  };
  const timer = setInterval(tick, 1000);
  tick();
}

const start = () => document.querySelectorAll("[data-countdown]:not([data-countdown='0'])").forEach(countDown);
start();
document.addEventListener("htmx:load", start);

document.addEventListener("click", (event) => {
  if (event.target.closest('[data-countdown][aria-disabled="true"]')) event.preventDefault();
});
