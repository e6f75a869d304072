// Step 3: the form of a device opens in a dialog over the list. Without JavaScript it is a page of its own.

const dialogOf = (event) => event.target.closest?.("#device-dialog");

document.addEventListener("htmx:afterSettle", (event) => {
  const dialog = event.detail.target;
  if (dialog?.id !== "device-dialog") return; // the back button causes an event without a target
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  const error = dialog.querySelector('[role="alert"], [aria-invalid="true"]');
  const firstField = dialog.querySelector('input:not([type="hidden"]), button');
  (error ?? firstField).focus();
  if (error) error.scrollIntoView({ block: "center" });
});

// In the capturing phase, before htmx follows the link to the list.
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-close-dialog]") || !dialogOf(event)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  dialogOf(event).close();
}, true);

// Photos that were chosen for one device must not stay in the dialog for the next. "close" doesn't bubble.
document.addEventListener("close", (event) => dialogOf(event)?.replaceChildren(), true);
