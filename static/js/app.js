// What every page needs: busy buttons, messages about failed requests, the confirmation dialog, history, focus, the menu.

const busyForms = new Map(); // form → the button that submitted it
let lastRequest = null; // { element, button, isSignedOut }: what was sent last, for «Повторить»

const toast = (name) => document.querySelector(`[data-toast="${name}"]`);
const showToast = (name) => { toast(name).hidden = false; };
const hideFailures = () => {
  for (const name of ["unsent", "failed", "unopened", "too-large", "signed-in"]) toast(name).hidden = true;
};

function markBusy(form, button) {
  busyForms.set(form, button);
  button?.setAttribute("aria-busy", "true");
}

function unmarkBusy(form) {
  busyForms.get(form)?.removeAttribute("aria-busy");
  busyForms.delete(form);
}

// In the capturing phase, before htmx, which would queue the second click of a double click and send it later.
document.addEventListener("submit", (event) => {
  if (busyForms.has(event.target)) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented && event.target.method !== "dialog") markBusy(event.target, event.submitter);
});

// Requests that the page repeats by itself change neither the messages nor what «Повторить» sends.
const isPoll = (event) => event.detail.elt.hasAttribute("data-poll");

document.addEventListener("htmx:beforeRequest", (event) => {
  if (isPoll(event)) {
    // While the sign-in dialog is open, the answer would be a redirect, which loses what was typed.
    if (document.getElementById("dialog").open) event.preventDefault();
    return;
  }
  hideFailures();
  const { elt: element, requestConfig } = event.detail;
  const button = requestConfig.triggeringEvent?.submitter;
  // The requests of the sign-in dialog come between a form and its retry.
  if (!element.closest("[data-sign-in]") && element !== document.body) {
    lastRequest = { element, button, isSignedOut: false };
  }
  if (element instanceof HTMLFormElement) markBusy(element, button);
});

// An error page must not replace the part that updates itself; the next request may succeed.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (isPoll(event) && event.detail.xhr.status >= 400) event.detail.shouldSwap = false;
});

document.addEventListener("htmx:afterRequest", (event) => unmarkBusy(event.detail.elt));
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { elt: element, xhr } = event.detail;
  if (element === lastRequest?.element) lastRequest.isSignedOut = [401, 403].includes(xhr.status);
});

const unmarkAllBusy = () => [...busyForms.keys()].forEach(unmarkBusy);
window.addEventListener("pageshow", unmarkAllBusy); // the back button restored the page as it was left
window.navigation?.addEventListener("navigateerror", unmarkAllBusy); // the person stopped the loading of the next page

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    if (!isPoll(event)) showToast(navigator.onLine ? "unsent" : "offline");
  });
}
document.addEventListener("htmx:responseError", (event) => {
  if (!isPoll(event)) showToast(event.detail.xhr.status === 413 ? "too-large" : "failed");
});
window.addEventListener("offline", () => showToast("offline"));
window.addEventListener("online", () => { toast("offline").hidden = true; });

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-retry]") || !lastRequest) return;
  hideFailures();
  const { element, button } = lastRequest;
  if (!element.isConnected) location.reload();
  else if (element instanceof HTMLFormElement) element.requestSubmit(button?.isConnected ? button : null);
  else element.click();
});

// A form with errors is the same page, not a new entry in the history: the back button leaves it, and reloading works.
document.addEventListener("htmx:beforeHistoryUpdate", (event) => {
  const { history, xhr } = event.detail;
  const currentPath = location.pathname + location.search;
  if (xhr.status >= 400) history.path = currentPath;
  if (history.path === currentPath) history.type = "replace";
  historyRequest?.abort();
});

// htmx loads the page for the back and forward buttons. Another navigation cancels that request; when the answer is
// not the page itself, the browser loads the address.
let historyRequest = null;

document.addEventListener("htmx:historyCacheMiss", ({ detail: { xhr } }) => {
  historyRequest?.abort();
  historyRequest = xhr;
  hideFailures();
  xhr.addEventListener("error", () => showToast("unopened"));
});
document.addEventListener("htmx:historyCacheMissLoad", ({ detail: { xhr } }) => {
  const redirect = xhr.getResponseHeader("HX-Redirect");
  if (redirect) location.replace(redirect);
});
document.addEventListener("htmx:historyCacheMissLoadError", () => location.reload());
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-reload]")) location.reload();
});

// hx-confirm="Question?" opens our own dialog; data-confirm-action is the text of the button that confirms.
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

// A fragment that is loaded into #dialog opens the dialog; a page that is loaded into #main closes it.
document.addEventListener("htmx:afterSettle", (event) => {
  const dialog = document.getElementById("dialog");
  if (event.detail.target === dialog) {
    if (!dialog.open) dialog.showModal();
    moveFocus(dialog);
  } else if (event.detail.target?.id === "main") {
    if (dialog.open) dialog.close();
    closeMenu();
    moveFocus(event.detail.target);
    // The form may have changed what the list beside the page shows.
    const beside = document.querySelector("#beside:not(:empty)");
    if (event.detail.requestConfig.verb === "post") beside?.dispatchEvent(new Event("refresh"));
  } else if (event.detail.requestConfig?.verb === "post" && document.activeElement === document.body) {
    // A part of the page was replaced, with the button that was pressed.
    const part = document.getElementById(event.detail.target?.id);
    if (part) moveFocus(part);
  }
  markOpenClient();
});

// Highlights the open client in the list beside the page.
function markOpenClient() {
  for (const card of document.querySelectorAll("#beside .client")) {
    card.toggleAttribute("aria-current", location.pathname.startsWith(card.getAttribute("href")));
  }
}

// To the first field with an error, else to the field with autofocus, else to the heading, where a screen reader
// starts to read.
function moveFocus(region) {
  const invalid = region.querySelector('[aria-invalid="true"]');
  if (invalid) {
    invalid.focus();
    // After htmx has scrolled to the top of the new page.
    requestAnimationFrame(() => invalid.scrollIntoView({ block: "center" }));
    return;
  }
  const autofocus = region.querySelector("[autofocus]");
  if (autofocus) return autofocus.focus();
  const heading = region.querySelector('[role="alert"], h1, h2');
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
}

// The person signed in again in the dialog: the forms below it need the CSRF token of the new session.
document.addEventListener("signed-in", (event) => {
  for (const field of document.getElementsByName("csrfmiddlewaretoken")) field.value = event.detail.token;
  const dialog = document.getElementById("dialog");
  dialog.close();
  dialog.replaceChildren();
  if (lastRequest?.isSignedOut) showToast("signed-in"); // for forms; uploads of photos continue by themselves
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
