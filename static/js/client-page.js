// The client's page. Everything works without this file; it sends each form once, and reports that the end of the text
// was shown.

const sent = new Set();

document.addEventListener("submit", (event) => {
  if (sent.has(event.target)) return event.preventDefault();
  sent.add(event.target);
  event.submitter?.setAttribute("aria-busy", "true");
});
// The back button restored the page as it was left.
window.addEventListener("pageshow", () => {
  sent.clear();
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
});

const end = document.querySelector("[data-text-end]");
const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;

const report = () => fetch(end.dataset.textEnd, {
  method: "POST", headers: { "X-CSRFToken": token }, keepalive: true,
}).catch(() => {}); // no connection: it is not known whether the text was read

const observer = new IntersectionObserver((entries) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  report();
});
if (end && token) observer.observe(end);
