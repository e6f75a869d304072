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
