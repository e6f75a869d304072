// Step 1: a pencil opens its field for editing in place. Without JavaScript every field is open.

document.addEventListener("click", (event) => {
  const field = event.target.closest("[data-edit]")?.closest(".editable");
  if (!field) return;
  field.classList.add("open");
  const control = field.querySelector("input, textarea");
  control.focus();
  // Fields of e-mail addresses have no selection to set: a text field has, and the same text.
  const kind = control.type;
  if (kind === "email") control.type = "text";
  control.setSelectionRange(control.value.length, control.value.length);
  if (kind === "email") control.type = kind;
});
