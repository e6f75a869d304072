// The client's page. Everything works without this file; it sends each form once, keeps the page when there is no
// connection, shows the first error, and reports that the text was read to the end.

const sent = new Set();
const offline = document.querySelector("[data-offline]");

document.addEventListener("submit", (event) => {
  if (sent.has(event.target)) return event.preventDefault();
  if (navigator.onLine === false) {
    event.preventDefault();
    (event.submitter || event.target.lastElementChild).before(offline);
    offline.hidden = false;
    return;
  }
  sent.add(event.target);
  event.submitter?.setAttribute("aria-busy", "true");
});
window.addEventListener("online", () => { offline.hidden = true; });

function sendAgain() {
  sent.clear();
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
}
window.addEventListener("pageshow", sendAgain); // the back button restored the page as it was left
window.navigation?.addEventListener("navigateerror", sendAgain); // the person stopped the loading of the next page

function showFirstError() {
  const wrong = document.querySelector('[aria-invalid="true"]') ?? document.querySelector('[role="alert"]:not([hidden])');
  if (!wrong) return;
  if (!wrong.hasAttribute("aria-invalid")) wrong.setAttribute("tabindex", "-1");
  wrong.focus({ preventScroll: true });
  wrong.scrollIntoView({ block: "center" });
}
// After the browser has scrolled to the form and taken the focus away.
window.addEventListener("load", () => setTimeout(showFirstError));

const end = document.querySelector("[data-text-end]");
const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;

const report = () => fetch(end.dataset.textEnd, {
  method: "POST", headers: { "X-CSRFToken": token }, keepalive: true,
}).catch(() => {}); // no connection: it is not known whether the text was read

// A jump to the signature shows the end, too; a reader also passes all headings.
const unread = new Set();
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    unread.delete(entry.target);
    observer.unobserve(entry.target);
  }
  if (unread.size === 0) report();
});
if (end && token) {
  for (const part of [...end.previousElementSibling.querySelectorAll("h1, h2, h3"), end]) {
    unread.add(part);
    observer.observe(part);
  }
}

// Whether the code has arrived. The form stays as it is: only this text changes.
const delivery = document.querySelector("[data-delivery]");
const DELIVERY_CHECKS = 40;

async function showDelivery(checksLeft) {
  const response = await fetch(delivery.dataset.delivery).catch(() => null); // no connection: asked again
  const state = response?.status === 200 ? await response.json().catch(() => null) : null;
  if (state && delivery.textContent !== state.label) delivery.textContent = state.label;
  if (!state?.final && checksLeft > 1) setTimeout(showDelivery, 3000, checksLeft - 1);
}
if (delivery) setTimeout(showDelivery, 2000, DELIVERY_CHECKS);
