// Step 3: the form of a device in a dialog over the list. Without JavaScript the same address is a page.

const dialogOf = (event) => event.target.closest?.("#device-dialog");

document.addEventListener("htmx:afterSettle", (event) => {
  const dialog = event.detail.target;
  if (dialog?.id !== "device-dialog") return; // coming back by the browser's button has no target
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  const wrong = dialog.querySelector('[role="alert"], [aria-invalid="true"]');
  const wanted = wrong ?? dialog.querySelector('input:not([type="hidden"]), button');
  wanted.focus();
  if (wrong) wrong.scrollIntoView({ block: "center" });
});

// Before htmx, for which the link is one that leads to the list.
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-close-dialog]") || !dialogOf(event)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  dialogOf(event).close();
}, true);

// What was chosen for one device must not wait in the dialog for the next.
document.addEventListener("close", (event) => dialogOf(event)?.replaceChildren(), true);
