// Step 1: a pencil makes its field editable. Without JavaScript every field is editable.

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

// The change changed while somebody typed: the new forms get the typed text.
let typed = [];
document.addEventListener("htmx:beforeSwap", ({ detail: { elt, target } }) => {
  if (elt.id !== "contact-change-status" || target.id !== "contact-change") return;
  const fields = [...target.querySelectorAll("input:not([type=hidden]), textarea")].filter((field) => field.value);
  typed = fields.map((field) => [field.id, field.value, field === document.activeElement]);
});
document.addEventListener("htmx:afterSettle", () => {
  for (const [id, value, hasFocus] of typed) {
    const field = document.getElementById(id);
    if (!field) continue;
    field.value = value;
    field.closest("details")?.setAttribute("open", "");
    if (hasFocus) field.focus();
  }
  typed = [];
});
