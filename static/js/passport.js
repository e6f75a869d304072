// Step 2: while the tick «Совпадает с адресом клиента» is on, the registration address shows that address.

function follow(tick) {
  const field = tick.form.elements.registration_address;
  if (tick.checked && !field.readOnly) {
    tick.dataset.typed = field.value;
    field.value = tick.dataset.address;
  } else if (!tick.checked && field.readOnly) {
    field.value = tick.dataset.typed ?? field.value;
  }
  field.readOnly = tick.checked;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-address]")) follow(event.target);
});

const start = () => document.querySelectorAll("[data-address]").forEach(follow);
start();
document.addEventListener("htmx:load", start);
