// Step 1: a pencil makes its field editable. Without JavaScript every field is editable.
// The state of a change that waits for a confirmation updates itself.

document.addEventListener("click", (event) => {
  const field = event.target.closest("[data-edit]")?.closest(".editable");
  if (!field) return;
  field.classList.add("open");
  const input = field.querySelector("input, textarea");
  input.focus();
  // Puts the cursor at the end. Browsers refuse that in a field of type "email", so it is a text field meanwhile.
  const { type } = input;
  if (type === "email") input.type = "text";
  input.setSelectionRange(input.value.length, input.value.length);
  if (type === "email") input.type = type;
});

const isPoll = (event) => event.detail.elt.id === "contact-change-status";

// The sign-in dialog is open. The answer would be a redirect to the sign-in page, which loses what was typed.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (isPoll(event) && document.getElementById("dialog").open) event.preventDefault();
});
// An error page must not replace the status; the next request may succeed.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (isPoll(event) && event.detail.xhr.status >= 400) event.detail.shouldSwap = false;
});
