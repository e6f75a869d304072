// Step 2: while «Совпадает с адресом клиента» is checked, the registration address shows the client's address.

function syncAddress(checkbox) {
  const field = checkbox.form.elements.registration_address;
  if (checkbox.checked && !field.readOnly) {
    checkbox.dataset.typed = field.value;
    field.value = checkbox.dataset.address;
  } else if (!checkbox.checked && field.readOnly) {
    field.value = checkbox.dataset.typed ?? field.value;
  }
  field.readOnly = checkbox.checked;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-address]")) syncAddress(event.target);
});

const syncAll = () => document.querySelectorAll("[data-address]").forEach(syncAddress);
syncAll();
document.addEventListener("htmx:load", syncAll);
