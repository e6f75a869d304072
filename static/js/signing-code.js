// Step 4: the field for the one-time code accepts a pasted «123 456», and the button for a new code is disabled until
// a new code may be requested.

document.addEventListener("paste", (event) => {
  const field = event.target.closest?.("[data-code]");
  if (!field) return;
  event.preventDefault();
  field.value = event.clipboardData.getData("text").replace(/\D/g, "").slice(0, Number(field.dataset.code));
  field.dispatchEvent(new Event("input", { bubbles: true }));
});

function startCountdown(button) {
  if (button.dataset.until) return;
  button.dataset.until = Date.now() + 1000 * Number(button.dataset.countdown);
  const text = button.parentElement.querySelector("[data-countdown-text]");
  const update = () => {
    const seconds = Math.max(0, Math.ceil((button.dataset.until - Date.now()) / 1000));
    text.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    text.parentElement.hidden = seconds === 0;
    button.setAttribute("aria-disabled", String(seconds > 0));
    if (seconds === 0 || !button.isConnected) clearInterval(timer);
  };
  const timer = setInterval(update, 1000);
  update();
}

const startCountdowns = () => document.querySelectorAll("[data-countdown]").forEach(startCountdown);
startCountdowns();
document.addEventListener("htmx:load", startCountdowns);

// In the capturing phase, before htmx sends the button's request.
document.addEventListener("click", (event) => {
  if (!event.target.closest('[data-countdown][aria-disabled="true"]')) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
