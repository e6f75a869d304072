// What every page needs around its requests: busy buttons, words when one fails, confirmation, focus.

const busy = new Map(); // form → the button it was sent with
let lastSent = null; // what was sent from the page, and whether it was for want of a session that it failed

const toast = (name) => document.querySelector(`[data-toast="${name}"]`);
const show = (name) => { toast(name).hidden = false; };
const hideFailures = () => {
  for (const name of ["unsent", "failed", "unopened", "too-large", "signed-in"]) toast(name).hidden = true;
};

function begin(form, button) {
  busy.set(form, button);
  button?.setAttribute("aria-busy", "true");
}

function end(form) {
  busy.get(form)?.removeAttribute("aria-busy");
  busy.delete(form);
}

// Captured before htmx sees it: the second click of a double click would be queued and sent after the first.
document.addEventListener("submit", (event) => {
  if (busy.has(event.target)) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented && event.target.method !== "dialog") begin(event.target, event.submitter);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  hideFailures();
  const { elt: element, requestConfig } = event.detail;
  const button = requestConfig.triggeringEvent?.submitter;
  // Signing in again comes between a form and its second try.
  if (!element.closest("[data-sign-in]") && element !== document.body) lastSent = { element, button, isRefused: false };
  if (element instanceof HTMLFormElement) begin(element, button);
});

document.addEventListener("htmx:afterRequest", (event) => end(event.detail.elt));
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { elt: element, xhr } = event.detail;
  if (element === lastSent?.element) lastSent.isRefused = [401, 403].includes(xhr.status);
});

const endAll = () => [...busy.keys()].forEach(end);
window.addEventListener("pageshow", endAll); // led back to as it was left
window.navigation?.addEventListener("navigateerror", endAll); // the person stopped the next page: this one stays

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, () => show(navigator.onLine ? "unsent" : "offline"));
}
document.addEventListener("htmx:responseError", (event) => {
  show(event.detail.xhr.status === 413 ? "too-large" : "failed");
});
window.addEventListener("offline", () => show("offline"));
window.addEventListener("online", () => { toast("offline").hidden = true; });

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-retry]") || !lastSent) return;
  hideFailures();
  const { element, button } = lastSent;
  if (!element.isConnected) location.reload();
  else if (element instanceof HTMLFormElement) element.requestSubmit(button?.isConnected ? button : null);
  else element.click();
});

// A form that comes back with errors is the same page: the back button leads away from it, and reloading works.
document.addEventListener("htmx:beforeHistoryUpdate", (event) => {
  const { history, xhr } = event.detail;
  const here = location.pathname + location.search;
  if (xhr.status >= 400) history.path = here;
  if (history.path === here) history.type = "replace";
  comingBack?.abort();
});

// What is shown is the page of the address: one that the browser's buttons led to counts until they, or a link, lead
// elsewhere. Where there is another answer than that page, the browser opens the address itself.
let comingBack = null;

document.addEventListener("htmx:historyCacheMiss", ({ detail: { xhr } }) => {
  comingBack?.abort();
  comingBack = xhr;
  hideFailures();
  xhr.addEventListener("error", () => show("unopened"));
});
document.addEventListener("htmx:historyCacheMissLoad", ({ detail: { xhr } }) => {
  const elsewhere = xhr.getResponseHeader("HX-Redirect");
  if (elsewhere) location.replace(elsewhere);
});
document.addEventListener("htmx:historyCacheMissLoadError", () => location.reload());
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-reload]")) location.reload();
});

// hx-confirm="Question?" asks in our own dialog; data-confirm-action names the button that goes on.
document.addEventListener("htmx:confirm", (event) => {
  if (!event.detail.question) return;
  event.preventDefault();
  const dialog = document.getElementById("confirm");
  const action = event.detail.elt.closest("[data-confirm-action]")?.dataset.confirmAction;
  dialog.querySelector("p").textContent = event.detail.question;
  dialog.querySelector("[value=yes]").textContent = action ?? "Подтвердить";
  dialog.returnValue = "no";
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "yes") event.detail.issueRequest(true);
  }, { once: true });
  dialog.showModal();
});

// A fragment that lands in #dialog opens it; a page that lands in #main closes it.
document.addEventListener("htmx:afterSettle", (event) => {
  const dialog = document.getElementById("dialog");
  if (event.detail.target === dialog) {
    if (!dialog.open) dialog.showModal();
    focusFirst(dialog);
  } else if (event.detail.target?.id === "main") {
    if (dialog.open) dialog.close();
    closeMenu();
    focusFirst(event.detail.target);
    // What a form changed may stand in the list beside.
    const beside = document.querySelector("#beside:not(:empty)");
    if (event.detail.requestConfig.verb === "post") beside?.dispatchEvent(new Event("refresh"));
  }
  markOpened();
});

// The list beside the page says which client is open.
function markOpened() {
  for (const card of document.querySelectorAll("#beside .client")) {
    card.toggleAttribute("aria-current", location.pathname.startsWith(card.getAttribute("href")));
  }
}

// A screen reader goes on where the new page begins, or where it needs attention.
function focusFirst(region) {
  const wrong = region.querySelector('[aria-invalid="true"]');
  if (wrong) {
    wrong.focus();
    // After htmx has scrolled to the top of the new page.
    requestAnimationFrame(() => wrong.scrollIntoView({ block: "center" }));
    return;
  }
  const wanted = region.querySelector("[autofocus]");
  if (wanted) return wanted.focus();
  const heading = region.querySelector('[role="alert"], h1, h2');
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
}

// The person signed in again in the dialog: forms of the page below need the new session's token.
document.addEventListener("signed-in", (event) => {
  for (const field of document.getElementsByName("csrfmiddlewaretoken")) field.value = event.detail.token;
  const dialog = document.getElementById("dialog");
  dialog.close();
  dialog.replaceChildren();
  if (lastSent?.isRefused) show("signed-in"); // photos go on by themselves
});

function closeMenu() {
  document.querySelector(".menu[open]")?.removeAttribute("open");
}
document.addEventListener("click", (event) => {
  if (!event.target.closest(".menu")) closeMenu();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenu();
});
