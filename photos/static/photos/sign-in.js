// Signing in again over the page, once for all photos that wait for it.

import { SignedOut } from "./errors.js";

export const token = () => document.querySelector('[name="csrfmiddlewaretoken"]').value;

let asked = null;

// Resolves when the person has signed in; raises SignedOut when they would rather not. `address` is one that only a
// signed-in person may post to: the server answers such a request of a page with the sign-in dialog.
export function signIn(address) {
  asked ??= ask(address).finally(() => { asked = null; });
  return asked;
}

async function ask(address) {
  const dialog = document.getElementById("dialog");
  const decided = new Promise((resolve, reject) => {
    document.addEventListener("signed-in", resolve, { once: true });
    dialog.addEventListener("close", () => reject(new SignedOut("Чтобы отправить фото, войдите ещё раз.")), { once: true });
  });
  decided.catch(() => {});
  const values = { csrfmiddlewaretoken: token() };
  await window.htmx.ajax("POST", address, { target: "#dialog", swap: "none", values });
  if (dialog.querySelector("[data-sign-in]")) await decided;
}
