// Step 1: a pencil opens its field for editing in place. Without JavaScript every field is open.

document.addEventListener("click", (event) => {
  const field = event.target.closest("[data-edit]")?.closest(".editable");
  if (!field) return;
  field.classList.add("open");
  const control = field.querySelector("input, textarea");
  control.focus();
  control.setSelectionRange?.(control.value.length, control.value.length);
});
